// Linear layers of bytes: weights in int8 with a scale for each output, inputs quantised row by row as they come. A
// row's result depends on no other row.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace e2v {

constexpr int64_t INT8_MAX_DEPTH = 65536;  // products of bytes whose sum surely fits in 32 bits

struct Int8Weight {
  at::Tensor packed;  // int8 [N / 16, K / 4, 16, 4], N and K rounded up
  at::Tensor scale;   // float32 [N], zeros behind it for the columns rounded up
  at::Tensor sum;     // int32 [N], the same
  int64_t depth;      // K
};

// weight int8 [N, K], scale float32, N elements -> as int8_linear takes it; and the weight back, [N, K].
Int8Weight pack_int8(const at::Tensor& weight, const at::Tensor& scale);
at::Tensor unpack_int8(const at::Tensor& packed, int64_t columns, int64_t depth);

// x [..., K], floating point -> [..., N] of the same dtype, through GELU where asked. bias: [N], or whatever can be
// added. Throws c10::Error where shapes do not fit.
at::Tensor int8_linear(const at::Tensor& x, const Int8Weight& weight, const std::optional<at::Tensor>& bias, bool gelu);

}  // namespace e2v
