// Our replacement for the allocator that libtorch uses for tensors on the CPU. It counts the memory of tensors
// (memory_budget.h) and reuses blocks that a run has freed (scratch.h).
#pragma once

namespace e2v {

// Must be called before the first tensor that is to be counted. If another library has installed an allocator of its
// own, that one stays.
void install_host_allocator();

// Returns a block of this allocator to the system.
void free_host_block(void* block);

}  // namespace e2v
