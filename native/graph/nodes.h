// What rewriting a TorchScript graph takes, whoever rewrites it.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace e2v {

// The nodes of a kind in a block and the blocks inside it.
std::vector<torch::jit::Node*> find_nodes(torch::jit::Block* block, c10::Symbol kind);

// Puts `by`, which has one output, in the place of `node`.
void replace_node(torch::jit::Node* node, torch::jit::Node* by);

// Destroys the node that makes a value which nobody uses, then what it alone used; free of side effects, all of them.
void drop_unused(torch::jit::Value* value);

// An attribute as graphs know it: the type of the object that has it, and its name there. It stands for one value in
// each instance of the type.
using Slot = std::pair<const c10::ClassType*, std::string>;

// The attribute that a node reads, sets or calls; nothing where the object's type is no class.
std::optional<Slot> slot_of(const torch::jit::Node* access);

// Whether a node reads a tensor from an object.
bool reads_tensor(const torch::jit::Node* node);

// The module that a value is, when it is `self` or a submodule reached from it.
std::optional<torch::jit::Module> resolve_module(const torch::jit::Value* value, const torch::jit::Value* self,
                                                 const torch::jit::Module& module);

// How a linear layer comes by its weight: read from an object, and kept there as float, or as less and brought to the
// input's dtype, with a scale where it is int8 (compress.cc writes these forms).
struct LinearWeight {
  torch::jit::Node* read;    // GetAttr
  torch::jit::Value* scale;  // of int8, or null
  bool transposed;           // [K, N] in the object
  bool widened;              // brought to the input's dtype
};
std::optional<LinearWeight> linear_weight(const torch::jit::Node* linear);

}  // namespace e2v
