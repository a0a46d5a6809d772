// How many processors this process may use.
#pragma once

#include <optional>
#include <string>

namespace e2v {

// At least 1: the smallest of the affinity mask, the quotas of the process's cgroups, rounded down, and
// OMP_NUM_THREADS. What it is when it is first asked for.
int usable_cpus();

// The processors that the CPU quotas of cgroups (v2, v1 or both) leave to a process, rounded down and at least 1;
// nothing where there is no quota. A quota on any parent counts. `root` and `membership` as in cgroup.h.
std::optional<int> cgroup_cpus(const std::string& root, const std::string& membership);

// The first number of OMP_NUM_THREADS, where that is a positive one; null is no such variable.
std::optional<int> omp_num_threads(const char* value);

}  // namespace e2v
