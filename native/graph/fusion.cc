#include "graph/fusion.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include <string>
#include <vector>

#include "graph/nodes.h"
#include "operators/register.h"

namespace e2v {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

namespace {

// The plain addition of two tensors that `value` comes from, if `user` in the same block is its only user and no node
// between them writes; else null.
Node* addition_before(Value* value, const Node* user) {
  Node* node = value->node();
  if (node->kind() != c10::aten::add || node->inputs().size() != 3 || value->uses().size() != 1 ||
      node->owningBlock() != user->owningBlock()) {
    return nullptr;
  }
  for (const Node* between = node->next(); between != user; between = between->next()) {
    const auto* schema = between->maybeSchema();
    if (!between->blocks().empty() || (schema != nullptr && schema->is_mutable())) {
      return nullptr;  // it may change an operand of the addition
    }
  }
  const bool tensors = node->input(0)->type()->isSubtypeOf(*c10::TensorType::get()) &&
                       node->input(1)->type()->isSubtypeOf(*c10::TensorType::get());
  return tensors && torch::jit::constant_as<int64_t>(node->input(2)) == 1 ? node : nullptr;
}

}  // namespace

void fuse_norms(Graph& graph) {
  for (Node* norm : find_nodes(graph.block(), c10::aten::layer_norm)) {
    const WithInsertPoint here(norm);
    Node* addition = addition_before(norm->input(0), norm);
    Node* gelu = gelu_after(norm);
    Value* x = addition == nullptr ? norm->input(0) : addition->input(0);
    Value* residual = addition == nullptr ? graph.insertConstant(c10::IValue()) : addition->input(1);
    Node* fused = create_node(graph, NORM_OPERATOR,
                              {x, residual, norm->input(1), norm->input(2), norm->input(3), norm->input(4),
                               graph.insertConstant(gelu != nullptr)});
    replace_with_gelu(norm, gelu, fused);
    if (addition != nullptr) {
      addition->destroy();
    }
  }
}

Node* gelu_after(const Node* node) {
  const auto& uses = node->output()->uses();
  if (uses.size() != 1 || uses[0].user->kind() != c10::aten::gelu ||
      uses[0].user->owningBlock() != node->owningBlock()) {
    return nullptr;
  }
  const auto approximate = torch::jit::constant_as<std::string>(uses[0].user->input(1));
  return approximate == "none" ? uses[0].user : nullptr;
}

void replace_with_gelu(Node* node, Node* gelu, Node* fused) {
  replace_node(node, fused);
  if (gelu != nullptr) {
    gelu->output()->replaceAllUsesWith(fused->output());
    gelu->destroy();
  }
}

Node* create_node(Graph& graph, const char* name, const std::vector<Value*>& inputs) {
  return graph.create(c10::Symbol::fromQualString(name), inputs);
}

}  // namespace e2v
