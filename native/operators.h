// The operators that programs are made of, known to TorchScript's interpreter under "emotion2vec::".
#pragma once

#include <ATen/core/Tensor.h>

namespace e2v {

constexpr const char* ATTEND_OPERATOR = "emotion2vec::attend";
constexpr const char* LINEAR_OPERATOR = "emotion2vec::linear";
constexpr const char* CONVOLUTION_OPERATOR = "emotion2vec::conv1d";
constexpr const char* INT8_LINEAR_OPERATOR = "emotion2vec::int8_linear";
constexpr const char* NORM_OPERATOR = "emotion2vec::norm";

// Once a process, even where two copies of this addon are loaded.
void register_operators();

// Whether oneDNN, which runs packed weights, works here.
bool can_pack();

// weight float32 or bfloat16 [N, K] -> the same in oneDNN's own order, as LINEAR_OPERATOR takes it; and back.
at::Tensor pack_weight(const at::Tensor& weight);
at::Tensor unpack_weight(const at::Tensor& packed);

// weight float32 or bfloat16 [D, D / groups, kernel] of a convolution over time -> as CONVOLUTION_OPERATOR takes it; and back.
at::Tensor pack_convolution(const at::Tensor& weight, int64_t groups);
at::Tensor unpack_convolution(const at::Tensor& packed);

}  // namespace e2v
