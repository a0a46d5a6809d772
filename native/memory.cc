#include "memory.h"

#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace e2v {
namespace {

constexpr int64_t UNLIMITED = std::numeric_limits<int64_t>::max();

// The first number in a file; UNLIMITED where there is none ("max", or no such file).
int64_t number_in(const char* path) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? number : UNLIMITED;
}

int64_t left_in_cgroup() {
  const int64_t limit = std::min(number_in("/sys/fs/cgroup/memory.max"),
                                 number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
  const int64_t used = std::min(number_in("/sys/fs/cgroup/memory.current"),
                                number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes"));
  return limit == UNLIMITED || used == UNLIMITED ? UNLIMITED : std::max<int64_t>(limit - used, 0);
}

}  // namespace

int64_t available_memory() {
  int64_t available = UNLIMITED;
  std::ifstream info("/proc/meminfo");
  std::string line;
  while (std::getline(info, line)) {
    if (line.starts_with("MemAvailable:")) {
      available = std::stoll(line.substr(13)) * 1024;
    }
  }
  return std::min(available, left_in_cgroup());
}

void trim_memory() { malloc_trim(0); }

}  // namespace e2v
