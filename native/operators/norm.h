// LayerNorm with the operators before and after it, in one pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace e2v {

// layer_norm(x + residual, shape, weight, bias, epsilon), followed by GELU if `gelu` is set. The statistics are
// float32. Returns [..., D] like x.
at::Tensor norm(const at::Tensor& x, const std::optional<at::Tensor>& residual, const std::vector<int64_t>& shape,
                const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias, double epsilon,
                bool gelu);

}  // namespace e2v
