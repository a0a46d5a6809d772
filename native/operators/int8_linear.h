// Linear layers that compute with int8: the weights are int8 with a scale for each output, and the inputs are quantized
// row by row when they arrive. The result of a row depends on no other row.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace e2v {

constexpr int64_t INT8_MAX_DEPTH = 65536;  // the largest number of products of bytes whose sum fits in 32 bits

struct Int8Weight {
  at::Tensor packed;  // int8 [N / 16, K / 4, 16, 4], N and K rounded up
  at::Tensor scale;   // float32 [N], followed by zeros for the rounded-up columns
  at::Tensor sum;     // int32 [N], with the same zeros
  int64_t depth;      // K
};

// Packs a weight int8 [N, K] with its scale, float32 with N elements, for int8_linear(). unpack_int8() returns the
// weight, [N, K].
Int8Weight pack_int8(const at::Tensor& weight, const at::Tensor& scale);
at::Tensor unpack_int8(const at::Tensor& packed, int64_t columns, int64_t depth);

// x [..., K], floating point -> [..., N] of the same dtype, followed by GELU if `gelu` is set. bias: [N], or another
// shape that can be added. Throws c10::Error if the shapes do not fit.
at::Tensor int8_linear(const at::Tensor& x, const Int8Weight& weight, const std::optional<at::Tensor>& bias, bool gelu);

}  // namespace e2v
