// The memory that this process may still take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace e2v {

// Bytes: what the system has available, or what its control groups (v2 or v1) leave, whichever is less. What the system
// keeps of files, and no process has mapped, counts as available.
int64_t available_memory();

// The same, with what the system could swap out.
int64_t allocatable_memory();

// Bytes: the least limit of the control groups; nothing where there is none.
std::optional<int64_t> memory_limit();

// What the groups leave, and their limit, with cgroups mounted at `root` (cgroup.h).
std::optional<int64_t> left_in_cgroups(const std::string& root, const std::string& membership);
std::optional<int64_t> limit_of_cgroups(const std::string& root, const std::string& membership);

// Hands freed memory back to the system, which the C library would keep.
void trim_memory();

}  // namespace e2v
