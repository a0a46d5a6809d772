// Transfer of values to and from the device of a module.
#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/Device.h>

namespace e2v {

// Converts the result of a run for JavaScript, in containers too. Tensors become dense, contiguous, without lazy bits,
// and are on the CPU; sparse and oneDNN tensors become dense; an undefined tensor becomes None. With `own`, they are in
// memory that no tensor of the run uses, for models whose next run may write there. Throws CodedError MISUSE for
// tensors without a plain form (nested, quantized, meta), and for containers that contain themselves or millions of
// values.
c10::IValue to_host(const c10::IValue& value, bool own);

// Moves tensors to the device, in containers too.
c10::IValue to_device(const c10::IValue& value, const c10::Device& device);

}  // namespace e2v
