#include "scratch.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

namespace e2v {
namespace {

constexpr size_t WORTH_KEEPING = 65536;       // smaller blocks the C library keeps by itself
constexpr size_t TOO_LARGE = 32 * 1024 * 1024;  // to be kept: long audio's, of which there are few

thread_local ScratchScope* active = nullptr;

void release(void* block) {
  if (active == nullptr || !active->keep(block)) {
    c10::free_cpu(block);
  }
}

// libtorch's own allocation, with a look at the scope first.
class ScratchAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = active == nullptr || bytes < WORTH_KEEPING ? nullptr : active->take(bytes);
    if (block == nullptr) {
      block = c10::alloc_cpu(bytes);
    }
    return {block, block, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
};

// libtorch's allocator stays where some other library has set one of its own.
void install() {
  static ScratchAllocator allocator;
  static const bool done = [] {
    if (c10::GetCPUAllocator() == c10::GetDefaultCPUAllocator()) {
      c10::SetCPUAllocator(&allocator, 1);
    }
    return true;
  }();
  (void)done;
}

}  // namespace

ScratchScope::ScratchScope() {
  install();
  active = this;
}

ScratchScope::~ScratchScope() {
  active = nullptr;
  for (const auto& [size, block] : blocks_) {
    c10::free_cpu(block);
  }
}

void* ScratchScope::take(size_t bytes) {
  const auto found = blocks_.lower_bound(bytes);
  if (found == blocks_.end() || found->first > bytes + bytes / 4) {
    return nullptr;
  }
  void* block = found->second;
  blocks_.erase(found);
  return block;
}

bool ScratchScope::keep(void* block) {
  const size_t size = malloc_usable_size(block);
  if (size < WORTH_KEEPING || size > TOO_LARGE) {
    return false;
  }
  blocks_.emplace(size, block);
  return true;
}

}  // namespace e2v
