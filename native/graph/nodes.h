// Functions on the nodes of TorchScript graphs that all rewrites share.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace e2v {

// Returns the nodes of one kind in a block and in the blocks inside it.
std::vector<torch::jit::Node*> find_nodes(torch::jit::Block* block, c10::Symbol kind);

// Replaces `node` by `by`, which has one output.
void replace_node(torch::jit::Node* node, torch::jit::Node* by);

// Destroys the node of a value that has no users, and then the nodes that only it used. All of them must be free of
// side effects.
void drop_unused(torch::jit::Value* value);

// An attribute as graphs know it: the type of the object that has it, and its name there. It stands for one value in
// each instance of the type.
using Slot = std::pair<const c10::ClassType*, std::string>;

// Returns the attribute or method that a node reads, sets or calls; nothing if the type of the object is not a class.
std::optional<Slot> slot_of(const torch::jit::Node* access);

// Whether a node reads a tensor from an object.
bool reads_tensor(const torch::jit::Node* node);

// Returns the module that a value stands for, if it is `self` or a submodule reached from it.
std::optional<torch::jit::Module> resolve_module(const torch::jit::Value* value, const torch::jit::Value* self,
                                                 const torch::jit::Module& module);

// The way in which a linear layer gets its weight. The weight is read from an object. It is stored as float, or in
// fewer bits and converted to the dtype of the input, with a scale if it is int8; quantize_weights() writes these
// forms.
struct LinearWeight {
  torch::jit::Node* read;    // GetAttr
  torch::jit::Value* scale;  // the scale of an int8 weight, or null
  bool transposed;           // stored as [K, N]
  bool widened;              // converted to the dtype of the input
};
std::optional<LinearWeight> linear_weight(const torch::jit::Node* linear);

}  // namespace e2v
