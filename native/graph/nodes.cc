#include "graph/nodes.h"

#include <vector>

namespace e2v {

using torch::jit::Block;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

std::vector<Node*> find_nodes(Block* block, c10::Symbol kind) {
  std::vector<Node*> found;
  for (Node* node : block->nodes()) {
    if (node->kind() == kind) {
      found.push_back(node);
    }
    for (Block* inner : node->blocks()) {
      const auto more = find_nodes(inner, kind);
      found.insert(found.end(), more.begin(), more.end());
    }
  }
  return found;
}

void replace_node(Node* node, Node* by) {
  by->insertBefore(node);
  by->output()->copyMetadata(node->output());
  node->output()->replaceAllUsesWith(by->output());
  node->destroy();
}

void drop_unused(Value* value) {
  Node* node = value->node();
  if (value->hasUses() || node->kind() == c10::prim::Param || node->outputs().size() != 1) {
    return;
  }
  const std::vector<Value*> inputs = node->inputs().vec();
  node->destroy();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (std::find(inputs.begin(), inputs.begin() + i, inputs[i]) == inputs.begin() + i && !inputs[i]->hasUses()) {
      const auto kind = inputs[i]->node()->kind();
      if (kind == c10::prim::GetAttr || kind == c10::aten::type_as || kind == c10::aten::mul || kind == c10::aten::t) {
        drop_unused(inputs[i]);
      }
    }
  }
}

std::optional<Slot> slot_of(const Node* access) {
  const auto type = access->input(0)->type()->cast<c10::ClassType>();
  return type == nullptr ? std::nullopt : std::optional(Slot{type.get(), access->s(c10::attr::name)});
}

bool reads_tensor(const Node* node) {
  return node->kind() == c10::prim::GetAttr && node->output()->type()->isSubtypeOf(*c10::TensorType::get());
}

std::optional<Module> resolve_module(const Value* value, const Value* self, const Module& module) {
  if (value == self) {
    return module;
  }
  const Node* node = value->node();
  if (node->kind() != c10::prim::GetAttr) {
    return std::nullopt;
  }
  auto owner = resolve_module(node->input(), self, module);
  const auto type = value->type()->cast<c10::ClassType>();
  if (!owner || type == nullptr || !type->is_module()) {
    return std::nullopt;
  }
  return owner->attr(node->s(c10::attr::name)).toModule();
}

std::optional<LinearWeight> linear_weight(const Node* linear) {
  LinearWeight weight{};
  Value* value = linear->input(1);
  if (value->node()->kind() == c10::aten::t) {
    weight.transposed = true;
    value = value->node()->input();
  }
  if (value->node()->kind() == c10::aten::mul) {
    Value* scale = value->node()->input(1);
    value = value->node()->input(0);
    if (scale->node()->kind() != c10::aten::type_as || value->node()->kind() != c10::aten::type_as) {
      return std::nullopt;
    }
    weight.scale = scale->node()->input(0);
  }
  if (value->node()->kind() == c10::aten::type_as) {
    weight.widened = true;
    value = value->node()->input(0);
  }
  weight.read = value->node();
  return reads_tensor(weight.read) ? std::optional(weight) : std::nullopt;
}

}  // namespace e2v
