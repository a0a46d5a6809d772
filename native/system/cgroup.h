// The control groups (v2, v1 or both) that this process is in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace e2v {

// What one group's folder says; nothing where it sets no limit.
using CgroupReader = std::function<std::optional<int64_t>(const std::string& folder)>;

// The least of what the process's groups and their parents say, up to where they are mounted; nothing where none says
// anything. `root` is where cgroups are mounted (/sys/fs/cgroup), `membership` the text of /proc/self/cgroup,
// `controller` v1's name of it. In a container the paths may be those of the host, which `root` does not show: of what
// is there, `root` itself is the container's.
std::optional<int64_t> least_of_cgroups(const std::string& root, const std::string& membership,
                                        const std::string& controller, const CgroupReader& v2, const CgroupReader& v1);

// The text of /proc/self/cgroup.
std::string cgroup_membership();

}  // namespace e2v
