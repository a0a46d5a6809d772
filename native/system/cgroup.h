// The control groups (v2, v1 or both) of this process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace e2v {

// Reads the value of one group from its folder. Returns nothing if the group sets no limit.
using CgroupReader = std::function<std::optional<int64_t>(const std::string& folder)>;

// Returns the smallest value of the groups of the process and of their parents, up to the mount point; nothing if no
// group has a value. `root` is the mount point of cgroups (/sys/fs/cgroup), `membership` the text of /proc/self/cgroup,
// and `controller` the name that v1 uses. In a container, the paths may be those of the host, which are not visible
// under `root`; then `root` itself is the group of the container.
std::optional<int64_t> min_of_cgroups(const std::string& root, const std::string& membership,
                                      const std::string& controller, const CgroupReader& v2, const CgroupReader& v1);

// Returns the text of /proc/self/cgroup.
std::string cgroup_membership();

}  // namespace e2v
