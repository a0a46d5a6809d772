// How many processors this process may use.
#pragma once

namespace e2v {

// At least 1: the smaller of the affinity mask and the cgroup quota (v2 or v1), rounded down.
int usable_cpus();

}  // namespace e2v
