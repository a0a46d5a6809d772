// The memory that this process may still take.
#pragma once

#include <cstdint>

namespace e2v {

// Bytes: what the system has available, or what its control group (v2 or v1) leaves, whichever is less.
int64_t available_memory();

// Hands freed memory back to the system, which the C library would keep.
void trim_memory();

}  // namespace e2v
