#include "runtime/host_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include "runtime/memory_budget.h"
#include "runtime/scratch.h"

namespace e2v {
namespace {

constexpr size_t MIN_COUNTED = 65536;

// The size of the block that the C library returns is a little larger than requested, and it is all that is known when
// the block is freed.
void* allocate_counted(size_t bytes) {
  const auto requested = static_cast<int64_t>(bytes < MIN_COUNTED ? 0 : bytes);
  if (requested > 0) {
    take_memory(requested);
  }
  void* block = nullptr;
  try {
    block = c10::alloc_cpu(bytes);
  } catch (...) {
    count_memory(-requested);
    throw;
  }
  const size_t size = malloc_usable_size(block);
  count_memory((size < MIN_COUNTED ? 0 : static_cast<int64_t>(size)) - requested);
  return block;
}

void* allocate_block(size_t bytes) {
  ScratchScope* scratch = ScratchScope::active();
  if (scratch == nullptr) {
    return allocate_counted(bytes);
  }
  if (void* block = scratch->take(bytes)) {
    return block;
  }
  try {
    return allocate_counted(bytes);
  } catch (const c10::Error&) {
    scratch->drop();  // frees idle blocks of other sizes
    return allocate_counted(bytes);
  }
}

void release_block(void* block) {
  ScratchScope* scratch = ScratchScope::active();
  if (scratch == nullptr || !scratch->keep(block)) {
    free_host_block(block);
  }
}

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = allocate_block(bytes);
    return {block, block, &release_block, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release_block; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

}  // namespace

void free_host_block(void* block) {
  const size_t size = malloc_usable_size(block);
  c10::free_cpu(block);
  if (size >= MIN_COUNTED) {
    count_memory(-static_cast<int64_t>(size));
  }
}

void install_host_allocator() {
  static HostAllocator allocator;
  static const bool done = [] {
    if (c10::GetCPUAllocator() == c10::GetDefaultCPUAllocator()) {
      c10::SetCPUAllocator(&allocator, 1);
    }
    return true;
  }();
  (void)done;
}

}  // namespace e2v
