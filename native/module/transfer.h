// Values to and from the device that a module is on.
#pragma once

#include <ATen/core/ivalue.h>
#include <c10/core/Device.h>

namespace e2v {

// What a run gave, fit for JavaScript, in containers too: tensors dense, on the CPU, contiguous and without lazy bits,
// in place of wherever and however the model left them; sparse and oneDNN ones become dense, an undefined one None.
// `own`: in memory that no tensor of the run has, for models whose next run may write there. Throws CodedError MISUSE
// for tensors that have no plain form (nested, quantised, meta), and for containers that hold themselves or millions of
// values.
c10::IValue to_host(const c10::IValue& value, bool own);

// Tensors on the device, in containers too.
c10::IValue to_device(const c10::IValue& value, const c10::Device& device);

}  // namespace e2v
