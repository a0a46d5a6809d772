// The precision that a module runs in.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <string>

#include "module/quantize.h"

namespace e2v {

// Converts a freshly loaded module to `precision` (auto, fp32, bf16, fp16 or int8) and returns the resulting precision.
// auto means:
//   - the precision of the archive, if that is not fp32, and always on CUDA;
//   - for the network of emotion2vec+ on the CPU: int8 if less than half of its fp32 weights would fit beside it into
//     `available` bytes, otherwise bf16 if the processor has instructions for it;
//   - otherwise fp32.
// Throws CodedError ERR_PRECISION_UNSUPPORTED or ERR_QUANTIZE.
std::string apply_precision(torch::jit::Module& module, const c10::Device& device, const std::string& precision,
                            int64_t available);

// Whether apply_precision() accepts a name.
bool is_precision(const std::string& name);

// Throws CodedError ERR_PRECISION_UNSUPPORTED if this processor has no instructions for a format.
void require_fast(WeightFormat format);

}  // namespace e2v
