// Smaller weights for the linear layers of any TorchScript module. The result is a plain TorchScript module: it stores
// int8 with a scale for each output, bfloat16 or float16, and its graphs convert the weights to the dtype of the input
// before they use them.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <functional>

namespace e2v {

enum class WeightFormat { Int8, Bf16, Fp16 };

struct QuantizeReport {
  int64_t layers = 0;      // linear layers whose weights were quantized
  int64_t kept = 0;        // linear layers with constant weights that were not, because they are too small to gain
  int64_t parameters = 0;  // of the whole module, buffers included
  int64_t quantized = 0;   // parameters that are in quantized layers
  int64_t bytes_before = 0;
  int64_t bytes_after = 0;
};

// Quantizes one weight after the other, so that memory never holds more than the module and one weight. The module must
// have been loaded or cloned, and must not have run since. Methods that would write a quantized weight are removed, and
// so are the methods that call them. `before_weights` is called once the graphs are rewritten; after that, only a lack
// of memory can make it fail. Throws CodedError ERR_QUANTIZE if there is nothing to quantize, or the module was
// quantized before.
QuantizeReport quantize_weights(
    torch::jit::Module& module, WeightFormat format, const std::function<void()>& before_weights = [] {});

}  // namespace e2v
