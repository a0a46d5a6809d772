// LayerNorm with what comes before and after it, in one pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace e2v {

// layer_norm(x + residual, shape, weight, bias, epsilon), then GELU where asked; statistics in float32. [..., D] as x.
at::Tensor norm(const at::Tensor& x, const std::optional<at::Tensor>& residual, const std::vector<int64_t>& shape,
                const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias, double epsilon,
                bool gelu);

}  // namespace e2v
