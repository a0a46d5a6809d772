// Packing of the weights of an inlined graph, so that fast operators can use them.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <string>
#include <vector>

namespace e2v {

// A packed weight, and the attribute of the module that it was taken from.
struct PackedWeight {
  torch::jit::Module owner;
  std::string attribute;
  std::vector<at::Tensor> tensors;  // the inputs that the graph gets after its own, in this order
  bool transposed;
  std::vector<int64_t> shape;  // [N, K], or that of a convolution
  at::ScalarType dtype;        // of the attribute

  // Restores the attribute, to the bit.
  void restore();

 private:
  at::Tensor unpack() const;
};

// Whether a linear layer reads a weight that quantize_weights() made smaller.
bool has_quantized_linears(torch::jit::Graph& graph);

// Replaces linear and conv1d, and GELU after linear, by one operator on a packed weight where only such layers use the
// weight. The packed weight replaces the attribute, so that there is one copy. `module` is the first input of the
// graph.
std::vector<PackedWeight> pack_weights(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace e2v
