#include "cpus.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace e2v {
namespace {

// The quota in processors, or 0 where there is none.
double cgroup_quota() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    return quota == "max" || period <= 0 ? 0 : std::stod(quota) / period;
  }
  double v1_quota = 0;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota_file >> v1_quota && period_file >> period && v1_quota > 0 && period > 0) {
    return v1_quota / period;
  }
  return 0;
}

}  // namespace

int usable_cpus() {
  cpu_set_t affinity;
  int cpus = 1;
  if (sched_getaffinity(0, sizeof affinity, &affinity) == 0) {
    cpus = CPU_COUNT(&affinity);
  }
  if (const double quota = cgroup_quota(); quota > 0) {
    cpus = std::min(cpus, static_cast<int>(quota));
  }
  return std::max(cpus, 1);
}

}  // namespace e2v
