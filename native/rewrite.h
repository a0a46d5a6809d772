// Rewrites of an inlined graph that make it fast without changing what it computes.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <string>
#include <vector>

namespace e2v {

// A weight that was packed, and the module's attribute that it came from and can be given back to, to the bit.
struct PackedWeight {
  torch::jit::Module owner;
  std::string attribute;
  std::vector<at::Tensor> tensors;  // the graph's inputs after its own, in this order
  bool transposed;
  std::vector<int64_t> shape;  // [N, K], or a convolution's
  at::ScalarType dtype;        // as the module has it

  void give_back();

 private:
  at::Tensor unpack() const;
};

// layer_norm, an addition before it and GELU after it -> one operator.
void fuse_norms(torch::jit::Graph& graph);

// Whether linear layers read weights that compress() made small.
bool has_compressed_linears(torch::jit::Graph& graph);

// linear, and GELU after it, and conv1d -> one operator on a packed weight, where such layers alone use that weight.
// The packed weight takes the module's own one's place, so that there is one copy. `module` is the graph's first input.
std::vector<PackedWeight> pack_weights(torch::jit::Graph& graph, const torch::jit::Module& module);

}  // namespace e2v
