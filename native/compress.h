// Smaller weights for linear layers of any TorchScript module, which stays a plain module: what is stored is int8 with a scale
// for each output, bfloat16 or float16, and the graphs bring it to the input's dtype before they use it.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <functional>

namespace e2v {

enum class WeightFormat { Int8, Bf16, Fp16 };

struct CompressReport {
  int64_t layers = 0;      // linear layers whose weights were compressed
  int64_t kept = 0;        // linear layers with constant weights that were not: too small to gain
  int64_t parameters = 0;  // of the whole module, buffers included
  int64_t compressed = 0;  // of them, in compressed layers
  int64_t bytes_before = 0;
  int64_t bytes_after = 0;
};

// Compresses one weight after the other; memory never holds more than the module and one weight. The module must have been
// loaded or cloned, and not have run since. Methods that would write a compressed weight are dropped, and what calls them.
// `before_weights` is called when the graphs are rewritten and nothing but memory can fail any more.
// Throws CodedError ERR_QUANTIZE where there is nothing to compress, or it was done before.
CompressReport compress(torch::jit::Module& module, WeightFormat format,
                        const std::function<void()>& before_weights = [] {});

}  // namespace e2v
