// Fusion of neighboring operators of an inlined graph into one, without changing what the graph computes.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <vector>

namespace e2v {

// Replaces each layer_norm, with an addition before it and GELU after it, by one operator.
void fuse_norms(torch::jit::Graph& graph);

// The exact GELU in the same block that is the only user of a node's output; null if there is none.
torch::jit::Node* gelu_after(const torch::jit::Node* node);

// Puts `fused` in the place of `node` and of `gelu`, which follows it or is null.
void replace_with_gelu(torch::jit::Node* node, torch::jit::Node* gelu, torch::jit::Node* fused);

torch::jit::Node* create_node(torch::jit::Graph& graph, const char* name,
                              const std::vector<torch::jit::Value*>& inputs);

}  // namespace e2v
