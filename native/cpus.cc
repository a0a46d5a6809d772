#include "cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace e2v {
namespace {

int whole(double cpus) {
  return static_cast<int>(std::clamp(cpus, 1.0, static_cast<double>(std::numeric_limits<int>::max())));
}

// The quota of a v2 cgroup's folder: "<quota or max> <period>".
std::optional<int> quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? std::optional(whole(quota / period)) : std::nullopt;
}

// Of a v1 cgroup's folder in the cpu controller's tree; -1 is no quota.
std::optional<int> quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? std::optional(whole(quota / period))
                                                                                 : std::nullopt;
}

// The smallest quota of a cgroup and its parents, up to the folder where the tree is mounted.
std::optional<int> smallest(const std::string& mount, std::string path, std::optional<int> quota(const std::string&)) {
  std::optional<int> cpus;
  if (path.find("/..") != std::string::npos) {  // outside of the cgroup namespace, where there is nothing to be read
    path.clear();
  }
  for (;;) {
    while (path.ends_with('/')) {
      path.pop_back();
    }
    if (const auto here = quota(mount + path)) {
      cpus = std::min(cpus.value_or(*here), *here);
    }
    if (path.empty()) {
      return cpus;
    }
    path.erase(std::min(path.rfind('/'), path.size() - 1));
  }
}

bool lists(const std::string& controllers, const std::string& wanted) {
  return ("," + controllers + ",").find("," + wanted + ",") != std::string::npos;
}

}  // namespace

std::optional<int> cgroup_cpus(const std::string& root, const std::string& membership) {
  std::vector<std::optional<int>> quotas;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) {
      quotas.push_back(smallest(root, path, quota_v2));
      quotas.push_back(smallest(root + "/unified", path, quota_v2));  // beside v1
    } else if (lists(controllers, "cpu")) {
      quotas.push_back(smallest(root + "/cpu", path, quota_v1));
      quotas.push_back(smallest(root + "/" + controllers, path, quota_v1));
    }
  }
  if (quotas.empty()) {  // no membership to be read
    quotas = {quota_v2(root), quota_v1(root + "/cpu")};
  }
  std::optional<int> cpus;
  for (const auto& quota : quotas) {
    cpus = quota ? std::min(cpus.value_or(*quota), *quota) : cpus;
  }
  return cpus;
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
    std::ifstream file("/proc/self/cgroup");
    std::ostringstream membership;
    membership << file.rdbuf();
    cpus = std::min(cpus, cgroup_cpus("/sys/fs/cgroup", membership.str()).value_or(cpus));
    cpus = std::min(cpus, omp_num_threads(std::getenv("OMP_NUM_THREADS")).value_or(cpus));
    return std::max(cpus, 1);
  }();
  return usable;
}

}  // namespace e2v
