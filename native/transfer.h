// Values to and from the device that a module is on.
#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/Device.h>

namespace e2v {

// Tensors on the CPU and contiguous, in place of wherever and however the model left them; in tuples, lists and dicts too.
c10::IValue to_host(const c10::IValue& value);

// Tensors on the device, in containers too.
c10::IValue to_device(const c10::IValue& value, const c10::Device& device);

}  // namespace e2v
