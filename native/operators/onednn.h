// Linear layers and convolutions by oneDNN, on weights that are packed once into the order that oneDNN computes in.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace e2v {

// Whether libtorch has oneDNN and its use is not disabled.
bool can_pack();

// weight float32 or bfloat16 [N, K] -> the same weight packed for packed_linear(), and back.
at::Tensor pack_linear_weight(const at::Tensor& weight);
at::Tensor unpack_linear_weight(const at::Tensor& packed);

// x [..., K], packed weight float32 or bfloat16, bias [N] -> [..., N] of x's dtype, followed by GELU if `gelu` is set.
// A bias of another shape is added if it can be broadcast. Throws c10::Error if the shapes do not fit.
at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                         bool gelu);

// weight float32 or bfloat16 [D, D / groups, kernel] of a convolution over time -> the same weight packed for
// packed_convolution(), and back.
at::Tensor pack_convolution_weight(const at::Tensor& weight, int64_t groups);
at::Tensor unpack_convolution_weight(const at::Tensor& packed);

// x [B, C, T] or [C, T], packed weight, bias [D] -> [B, D, T'] or [D, T'] of x's dtype. Throws c10::Error if the shapes
// do not fit.
at::Tensor packed_convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                              int64_t stride, int64_t padding, int64_t dilation, int64_t groups);

}  // namespace e2v
