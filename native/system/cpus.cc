#include "system/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include "system/cgroup.h"

namespace e2v {
namespace {

int whole_cpus(double cpus) {
  return static_cast<int>(std::clamp(cpus, 1.0, static_cast<double>(std::numeric_limits<int>::max())));
}

// The quota of a v2 group. The file has the form "<quota or max> <period>".
std::optional<int64_t> quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? std::optional<int64_t>(whole_cpus(quota / period))
                                                            : std::nullopt;
}

// The quota of a v1 group. A quota of -1 means that there is none.
std::optional<int64_t> quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0
             ? std::optional<int64_t>(whole_cpus(quota / period))
             : std::nullopt;
}

}  // namespace

std::optional<int> cgroup_cpus(const std::string& root, const std::string& membership) {
  const auto cpus = min_of_cgroups(root, membership, "cpu", quota_v2, quota_v1);
  return cpus ? std::optional(static_cast<int>(*cpus)) : std::nullopt;
}

std::optional<int> omp_num_threads(const char* value) {
  std::string text = value == nullptr ? "" : value;
  text.erase(0, text.find_first_not_of(" \t"));
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool ends = *end == '\0' || *end == ',' || *end == ' ' || *end == '\t';
  return error == std::errc() && ends && number > 0 ? std::optional(number) : std::nullopt;
}

int usable_cpus() {
  static const int usable = [] {
    cpu_set_t affinity;
    int cpus = 1;
    if (sched_getaffinity(0, sizeof affinity, &affinity) == 0) {
      cpus = CPU_COUNT(&affinity);
    }
    cpus = std::min(cpus, cgroup_cpus("/sys/fs/cgroup", cgroup_membership()).value_or(cpus));
    cpus = std::min(cpus, omp_num_threads(std::getenv("OMP_NUM_THREADS")).value_or(cpus));
    return std::max(cpus, 1);
  }();
  return usable;
}

}  // namespace e2v
