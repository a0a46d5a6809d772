#include "runtime/scratch.h"

#include <malloc.h>

namespace e2v {
namespace {

constexpr size_t MIN_KEPT = 65536;             // the C library keeps smaller blocks by itself
constexpr size_t MAX_KEPT = 32 * 1024 * 1024;  // only long audio has larger blocks, and few of them

thread_local ScratchScope* current = nullptr;

}  // namespace

ScratchScope* ScratchScope::active() { return current; }

ScratchScope::ScratchScope(Release release) : release_(release) { current = this; }

ScratchScope::~ScratchScope() {
  current = nullptr;
  drop();
}

void ScratchScope::drop() {
  for (const auto& [size, block] : blocks_) {
    release_(block);
  }
  blocks_.clear();
}

void* ScratchScope::take(size_t bytes) {
  if (bytes < MIN_KEPT) {
    return nullptr;
  }
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
  if (size < MIN_KEPT || size > MAX_KEPT) {
    return false;
  }
  blocks_.emplace(size, block);
  return true;
}

}  // namespace e2v
