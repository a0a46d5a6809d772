#include "system/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace e2v {
namespace {

using Found = std::optional<int64_t>;

Found smaller(Found a, Found b) { return a && b ? std::min(*a, *b) : a ? a : b; }

// Returns the smallest value of a group and its parents, up to the mount point.
Found min_upwards(const std::string& mount, std::string path, const CgroupReader& read) {
  Found found;
  if (path.find("/..") != std::string::npos) {  // outside of the cgroup namespace, where nothing can be read
    path.clear();
  }
  for (;;) {
    while (path.ends_with('/')) {
      path.pop_back();
    }
    found = smaller(found, read(mount + path));
    if (path.empty()) {
      return found;
    }
    path.erase(std::min(path.rfind('/'), path.size() - 1));
  }
}

bool lists(const std::string& controllers, const std::string& name) {
  return ("," + controllers + ",").find("," + name + ",") != std::string::npos;
}

}  // namespace

std::optional<int64_t> min_of_cgroups(const std::string& root, const std::string& membership,
                                      const std::string& controller, const CgroupReader& v2, const CgroupReader& v1) {
  Found found;
  bool member = false;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) {
      member = true;
      found = smaller(found, min_upwards(root, path, v2));
      found = smaller(found, min_upwards(root + "/unified", path, v2));  // v2 mounted beside v1
    } else if (lists(controllers, controller)) {
      member = true;
      found = smaller(found, min_upwards(root + "/" + controller, path, v1));
      found = smaller(found, min_upwards(root + "/" + controllers, path, v1));
    }
  }
  return member ? found : smaller(v2(root), v1(root + "/" + controller));  // the membership cannot be read
}

std::string cgroup_membership() {
  std::ifstream file("/proc/self/cgroup");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace e2v
