// libtorch's allocator for tensors on the CPU, ours in its place: it counts what they take (memory_budget.h) and uses
// again what a run has given up (scratch.h).
#pragma once

namespace e2v {

// Once; before the first tensor that is to count. libtorch's allocator stays where some other library has set one of
// its own.
void install_host_allocator();

// Gives a block of it to the system.
void free_host_block(void* block);

}  // namespace e2v
