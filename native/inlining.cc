#include "inlining.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/constant_propagation.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graph.h"
#include "operators.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

namespace {

constexpr const char* ATTEND = "__torch__.attention.attend";  // models/emotion2vec/attention.py

// The function or method that a node calls, if any.
Function* callee(const Node* node) {
  if (node->kind() == c10::prim::CallFunction) {
    return node->input(0)->type()->expect<c10::FunctionType>()->function();
  }
  if (node->kind() == c10::prim::CallMethod) {
    if (const auto type = node->input(0)->type()->cast<c10::ClassType>()) {
      return type->findMethod(node->s(c10::attr::name));
    }
  }
  return nullptr;
}

// Inlines every call below `block`, except that a call of a known function becomes its operator. Returns how many did.
int lower_calls(Block* block) {
  int lowered = 0;
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    Function* function = callee(node);
    if (function != nullptr && function->qualname().qualifiedName() == ATTEND && node->inputs().size() == 7) {
      const auto name = c10::Symbol::fromQualString(ATTEND_OPERATOR);
      replace_node(node, node->owningGraph()->create(name, node->inputs().slice(1)));
      ++lowered;
      continue;
    }
    if (auto* graph_function = function == nullptr ? nullptr : torch::jit::tryToGraphFunction(*function)) {
      Node* before = node->prev();
      if (node->kind() == c10::prim::CallFunction) {
        node->removeInput(0);  // the function itself
      }
      torch::jit::inlineCallTo(node, graph_function, /*inline_optimized_graph=*/false);
      // Go on from the first inlined node, for it may call others.
      it = before->iterator();
      ++it;
      continue;
    }
    for (Block* inner : node->blocks()) {
      lowered += lower_calls(inner);
    }
  }
  return lowered;
}

bool reads_unseen(Graph& graph) {
  for (const auto kind : {c10::prim::fork, c10::prim::awaitable, c10::prim::CallMethod, c10::prim::CallFunction}) {
    if (!find_nodes(graph.block(), kind).empty()) {
      return true;
    }
  }
  return false;
}

// Puts constants in the place of booleans of the module and drops what they rule out, such as what layers do in
// training.
void fold_switches(std::shared_ptr<Graph>& graph, const torch::jit::Module& module) {
  for (Node* read : find_nodes(graph->block(), c10::prim::GetAttr)) {
    const auto owner = read->output()->type()->isSubtypeOf(*c10::BoolType::get())
                           ? resolve_module(read->input(), graph->inputs()[0], module)
                           : std::nullopt;
    if (owner) {
      const torch::jit::WithInsertPoint here(read);
      read->output()->replaceAllUsesWith(graph->insertConstant(owner->attr(read->s(c10::attr::name))));
      read->destroy();
    }
  }
  torch::jit::ConstantPropagation(graph);
}

// libtorch's analysis takes a tensor that is put into a list for one from outside, as what lists give out may be any;
// the rows that emotion2vec+ changes in place, and returns parts of, would be. A copy in the list leaves the tensor
// what it is, and what lists give out stays unknown.
void copy_elements(Graph& graph) {
  for (const auto kind : {c10::aten::append, c10::aten::insert, c10::aten::_set_item, c10::prim::ListConstruct}) {
    for (Node* node : find_nodes(graph.block(), kind)) {
      const torch::jit::WithInsertPoint here(node);
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        if (node->input(i)->type()->isSubtypeOf(*c10::TensorType::get())) {
          node->replaceInput(i, graph.insert(c10::aten::clone, {node->input(i)}));
        }
      }
    }
  }
}

// Puts views in the place of operators that may return their input, or a view of it, without saying so in their
// schemas.
void expose_aliases(Graph& graph) {
  for (const char* name : {"aten::dropout", "aten::feature_dropout", "aten::alpha_dropout",
                           "aten::feature_alpha_dropout", "aten::type_as", "aten::atleast_1d", "aten::atleast_2d",
                           "aten::atleast_3d"}) {
    for (Node* node : find_nodes(graph.block(), c10::Symbol::fromQualString(name))) {
      if (node->input(0)->type()->isSubtypeOf(*c10::TensorType::get())) {  // of lists it makes other lists
        const torch::jit::WithInsertPoint here(node);
        node->output()->replaceAllUsesWith(graph.insert(c10::aten::detach, {node->input(0)}));
      }
    }
  }
  for (Node* node : find_nodes(graph.block(), c10::aten::einsum)) {
    const Node* operands = node->input(1)->node();
    if (operands->kind() != c10::prim::ListConstruct || operands->inputs().size() == 1) {
      const torch::jit::WithInsertPoint here(node);
      node->output()->replaceAllUsesWith(graph.insert(c10::aten::__getitem__, {node->input(1), 0}));
    }
  }
}

// The types of what operators below `block` write into.
void collect_written(Block* block, std::vector<c10::TypePtr>& types) {
  for (Node* node : block->nodes()) {
    const auto* schema = node->maybeSchema();
    for (size_t i = 0; schema != nullptr && i < std::min(node->inputs().size(), schema->arguments().size()); ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      if (alias != nullptr && alias->isWrite()) {
        types.push_back(node->input(i)->type());
      }
    }
    for (Block* inner : node->blocks()) {
      collect_written(inner, types);
    }
  }
}

}  // namespace

Inlined inline_method(const torch::jit::Method& method) {
  register_operators();
  const auto* function = torch::jit::tryToGraphFunction(method.function());
  if (function == nullptr) {
    return {std::make_shared<Graph>(), 0, false};
  }
  Inlined inlined{function->graph()->copy(), 0, false};
  inlined.lowered = lower_calls(inlined.graph->block());
  inlined.complete = !reads_unseen(*inlined.graph);
  return inlined;
}

bool writes_state(const torch::jit::Module& module, const torch::jit::Method& method) {
  Inlined inlined = inline_method(method);
  if (!inlined.complete) {
    return true;
  }
  expose_aliases(*inlined.graph);  // first: folding drops writes into what nobody seems to see
  fold_switches(inlined.graph, module);
  Block* block = inlined.graph->block();
  if (!find_nodes(block, c10::prim::SetAttr).empty()) {
    return true;
  }
  copy_elements(*inlined.graph);
  // The analysis knows one set of all values of a type that come from outside: attributes, what lists hold, and inputs.
  // One more input of a type stands for them all.
  std::vector<c10::TypePtr> types{c10::TensorType::get()};  // batch_norm writes, and its schema does not say so
  collect_written(block, types);
  std::vector<const Value*> shared;
  for (const auto& type : types) {
    shared.push_back(inlined.graph->addInput()->setType(type));
  }
  for (const auto kind : {c10::prim::GetAttr, c10::prim::Constant}) {
    for (const Node* node : find_nodes(block, kind)) {
      shared.push_back(node->output());
    }
  }
  const torch::jit::AliasDb aliases(inlined.graph);
  return std::any_of(shared.begin(), shared.end(), [&](const Value* value) { return aliases.hasWriters(value); });
}

bool is_emotion2vec(const torch::jit::Module& module) {
  return module._ivalue()->compilation_unit()->find_function(c10::QualifiedName(ATTEND)) != nullptr;
}

}  // namespace e2v
