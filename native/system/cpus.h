// The number of processors that this process may use.
#pragma once

#include <optional>
#include <string>

namespace e2v {

// The smallest of the affinity mask, the quotas of the control groups of the process (rounded down) and
// OMP_NUM_THREADS; at least 1. The value is determined by the first call.
int usable_cpus();

// Number of processors that the CPU quotas of cgroups (v2, v1 or both) leave to a process, rounded down and at least 1;
// nothing if there is no quota. A quota of any parent counts. `root` and `membership` are as in cgroup.h.
std::optional<int> cgroup_cpus(const std::string& root, const std::string& membership);

// The first number of OMP_NUM_THREADS, if it is positive. Null means that the variable is not set.
std::optional<int> omp_num_threads(const char* value);

}  // namespace e2v
