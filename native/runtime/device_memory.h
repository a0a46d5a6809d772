// Memory of CUDA devices, through the allocator of libtorch. No library of CUDA is linked.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace e2v {

struct DeviceMemory {
  int64_t free = 0, total = 0;          // of the device, for all processes
  int64_t allocated = 0, reserved = 0;  // by tensors of this process; and including what is cached for further ones
  int64_t peak = 0;                     // the largest value of `allocated`
};

// Returns zeros if the device is the CPU or CUDA is not open. Creates the context of the device if there is none yet.
DeviceMemory device_memory(const c10::Device& device);

// Returns memory that was freed and is cached for further tensors to the device.
void release_cached_memory(const c10::Device& device);

// Returns all memory that was freed and is cached, to the system and to the device. Never throws: after a device has
// failed, the error that is being handled says more.
void release_all_memory(const c10::Device& device) noexcept;

}  // namespace e2v
