// The memory that this process may still allocate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace e2v {

// Number of bytes that the system has available, or that the control groups (v2 or v1) leave, whichever is less. Cached
// pages of files that no process has mapped count as available.
int64_t available_memory();

// The same, including what the system could swap out.
int64_t allocatable_memory();

// The smallest limit of the control groups in bytes; nothing if there is none.
std::optional<int64_t> memory_limit();

// The bytes that the groups leave, and their limit, with cgroups mounted at `root` (cgroup.h).
std::optional<int64_t> left_in_cgroups(const std::string& root, const std::string& membership);
std::optional<int64_t> limit_of_cgroups(const std::string& root, const std::string& membership);

// Returns freed memory to the system, which the C library would keep.
void trim_memory();

}  // namespace e2v
