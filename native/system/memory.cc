#include "system/memory.h"

#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "system/cgroup.h"

namespace e2v {
namespace {

using Bytes = std::optional<int64_t>;

constexpr const char* CGROUPS = "/sys/fs/cgroup";
// cgroup v1 reports 2^63 minus a page; older systems report other numbers of that size.
constexpr int64_t NO_LIMIT = int64_t{1} << 60;

// The first number in a file; nothing if there is none ("max", or the file does not exist).
Bytes number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? Bytes(number) : std::nullopt;
}

// The number after a name, in a file with one name and one number on each line.
int64_t entry_of(const std::string& path, const std::string& entry) {
  std::ifstream file(path);
  std::string name;
  int64_t number = 0;
  for (std::string line; file >> name >> number; std::getline(file, line)) {
    if (name == entry) {
      return number;
    }
  }
  return 0;
}

Bytes limit_in(const std::string& file) {
  const Bytes limit = number_in(file);
  return limit && *limit < NO_LIMIT ? limit : std::nullopt;
}

// Pages of files that the kernel drops before an allocation fails: those that no process has mapped. Mapped pages, such
// as code, stay.
int64_t reclaimable(const std::string& stat, const std::string& inactive, const std::string& active,
                    const std::string& mapped) {
  const int64_t once = entry_of(stat, inactive);  // pages that were read once
  return std::max(once, once + entry_of(stat, active) - entry_of(stat, mapped));
}

Bytes left(Bytes limit, Bytes used, int64_t reclaimable) {
  return limit && used ? Bytes(std::max<int64_t>(*limit - std::max<int64_t>(*used - reclaimable, 0), 0)) : std::nullopt;
}

Bytes limit_v2(const std::string& folder) { return limit_in(folder + "/memory.max"); }

Bytes limit_v1(const std::string& folder) { return limit_in(folder + "/memory.limit_in_bytes"); }

Bytes left_v2(const std::string& folder) {
  const Bytes limit = limit_v2(folder);
  return limit ? left(limit, number_in(folder + "/memory.current"),
                      reclaimable(folder + "/memory.stat", "inactive_file", "active_file", "file_mapped"))
               : std::nullopt;
}

Bytes left_v1(const std::string& folder) {
  const Bytes limit = limit_v1(folder);
  return limit ? left(limit, number_in(folder + "/memory.usage_in_bytes"),
                      reclaimable(folder + "/memory.stat", "total_inactive_file", "total_active_file",
                                  "total_mapped_file"))
               : std::nullopt;
}

int64_t available(bool with_swap) {
  int64_t kilobytes = 0;
  bool known = false;
  std::ifstream info("/proc/meminfo");
  std::string name;
  int64_t number = 0;
  for (std::string line; info >> name >> number; std::getline(info, line)) {
    if (name == "MemAvailable:" || (with_swap && name == "SwapFree:")) {
      kilobytes += number;
      known = known || name == "MemAvailable:";
    }
  }
  const int64_t system = known ? 1024 * kilobytes : std::numeric_limits<int64_t>::max();
  return std::min(system, left_in_cgroups(CGROUPS, cgroup_membership()).value_or(system));
}

}  // namespace

int64_t available_memory() { return available(/*with_swap=*/false); }

int64_t allocatable_memory() { return available(/*with_swap=*/true); }

std::optional<int64_t> memory_limit() { return limit_of_cgroups(CGROUPS, cgroup_membership()); }

std::optional<int64_t> left_in_cgroups(const std::string& root, const std::string& membership) {
  return min_of_cgroups(root, membership, "memory", left_v2, left_v1);
}

std::optional<int64_t> limit_of_cgroups(const std::string& root, const std::string& membership) {
  return min_of_cgroups(root, membership, "memory", limit_v2, limit_v1);
}

void trim_memory() { malloc_trim(0); }

}  // namespace e2v
