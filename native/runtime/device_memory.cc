#include "runtime/device_memory.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>

#include <exception>

#include "system/memory.h"

namespace e2v {
namespace {

// Returns null before CUDA is open, and before its first tensor.
c10::DeviceAllocator* allocator_of(const c10::Device& device) {
  if (!device.is_cuda() || !at::hasCUDA()) {
    return nullptr;
  }
  at::globalContext().lazyInitDevice(device.type());
  return c10::getDeviceAllocator(device.type());
}

}  // namespace

DeviceMemory device_memory(const c10::Device& device) {
  c10::DeviceAllocator* allocator = allocator_of(device);
  if (allocator == nullptr) {
    return {};
  }
  const c10::DeviceIndex index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  const auto [free, total] = allocator->getMemoryInfo(index);
  const auto stats = allocator->getDeviceStats(index);
  const auto& allocated = stats.allocated_bytes[0];  // of all pools together
  return {static_cast<int64_t>(free), static_cast<int64_t>(total), allocated.current, stats.reserved_bytes[0].current,
          allocated.peak};
}

void release_cached_memory(const c10::Device& device) {
  if (c10::DeviceAllocator* allocator = allocator_of(device); allocator != nullptr && allocator->initialized()) {
    allocator->emptyCache();
  }
}

void release_all_memory(const c10::Device& device) noexcept {
  trim_memory();
  try {
    release_cached_memory(device);
  } catch (const std::exception&) {
  }
}

}  // namespace e2v
