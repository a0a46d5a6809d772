#include "graph/clone.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/nodes.h"

namespace e2v {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;

namespace {

using Types = std::map<const c10::Type*, c10::TypePtr>;

// Maps the types of the parts of a module to those of its clone.
void pair_types(const Module& original, const Module& clone, Types& types) {
  types.emplace(original.type().get(), clone.type());
  const auto copies = clone.named_children();
  auto copy = copies.begin();
  for (const auto& part : original.named_children()) {
    pair_types(part.value, (*copy).value, types);
    ++copy;
  }
}

bool mentions_module(const c10::TypePtr& type) {
  if (const auto* module = type->castRaw<c10::ClassType>()) {
    return module->is_module();
  }
  const auto within = type->containedTypes();
  return std::any_of(within.begin(), within.end(), [](const c10::TypePtr& inner) { return mentions_module(inner); });
}

// Returns the function that a node calls, if it takes a module; else null.
torch::jit::GraphFunction* function_of_modules(const Node* call) {
  const auto type = call->input(0)->type()->cast<c10::FunctionType>();
  auto* function = type == nullptr ? nullptr : torch::jit::tryToGraphFunction(*type->function());
  if (function == nullptr) {
    return nullptr;
  }
  const auto inputs = call->inputs().slice(1);
  return std::any_of(inputs.begin(), inputs.end(), [](const auto* input) { return mentions_module(input->type()); })
             ? function
             : nullptr;
}

void inline_functions_of_modules(Graph& graph, const std::function<c10::TypePtr(c10::TypePtr)>& type_map) {
  constexpr int MAX_DEPTH = 100;  // of functions that call one another
  bool found = true;
  for (int depth = 0; found && depth < MAX_DEPTH; ++depth) {
    found = false;
    for (Node* call : find_nodes(graph.block(), c10::prim::CallFunction)) {
      if (auto* function = function_of_modules(call)) {
        call->removeInput(0);  // the function itself is the first input
        torch::jit::inlineCallTo(call, function, /*inline_optimized_graph=*/false);
        found = true;
      }
    }
    if (found) {
      graph.remapTypes(type_map);
    }
  }
}

}  // namespace

Module clone_module(const Module& module) {
  Module clone = module.clone(/*inplace=*/true);
  Types types;
  pair_types(module, clone, types);
  const std::function<c10::TypePtr(c10::TypePtr)> type_map = [&](c10::TypePtr type) -> c10::TypePtr {
    if (const auto found = types.find(type.get()); found != types.end()) {
      return found->second;
    }
    if (type->kind() == c10::TypeKind::ClassType ||
        type->containedTypes().empty()) {  // a class contains its attributes
      return type;
    }
    std::vector<c10::TypePtr> inner;
    for (const auto& contained : type->containedTypes()) {
      inner.push_back(type_map(contained));
    }
    return type->withContained(std::move(inner));
  };
  for (const Module& part : clone.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      if (auto* function = torch::jit::tryToGraphFunction(method.function())) {
        inline_functions_of_modules(*function->graph(), type_map);
      }
    }
  }
  return clone;
}

}  // namespace e2v
