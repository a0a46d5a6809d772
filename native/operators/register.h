// Registers our operators with TorchScript under "emotion2vec::". Rewritten graphs call them.
#pragma once

namespace e2v {

constexpr const char* ATTEND_OPERATOR = "emotion2vec::attend";
constexpr const char* LINEAR_OPERATOR = "emotion2vec::linear";
constexpr const char* CONVOLUTION_OPERATOR = "emotion2vec::conv1d";
constexpr const char* INT8_LINEAR_OPERATOR = "emotion2vec::int8_linear";
constexpr const char* NORM_OPERATOR = "emotion2vec::norm";

// Registers them once per process, even where two copies of this addon are loaded.
void register_operators();

}  // namespace e2v
