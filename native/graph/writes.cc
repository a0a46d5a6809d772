#include "graph/writes.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "graph/inlining.h"
#include "graph/nodes.h"
#include "graph/trace_writes.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

namespace {

// Replaces boolean attributes of the module by constants, and removes the code that they exclude, such as what layers
// do in training.
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

// The analysis of libtorch treats a tensor that is put into a list as one from outside, because an element that is read
// from a list may be any tensor. This would apply to the rows that emotion2vec+ changes in place and returns parts of.
// With a copy in the list, the tensor stays what it is, and elements of lists stay unknown.
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

// Replaces operators that may return their input or a view of it, without declaring it in their schemas, by views.
void expose_aliases(Graph& graph) {
  for (const char* name :
       {"aten::dropout", "aten::feature_dropout", "aten::alpha_dropout", "aten::feature_alpha_dropout", "aten::type_as",
        "aten::atleast_1d", "aten::atleast_2d", "aten::atleast_3d"}) {
    for (Node* node : find_nodes(graph.block(), c10::Symbol::fromQualString(name))) {
      if (node->input(0)->type()->isSubtypeOf(*c10::TensorType::get())) {  // for a list, it creates another list
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

// Collects the types of the values that operators below `block` write.
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

bool needs_module_alone(const std::shared_ptr<Graph>& original) {
  const auto graph = original->copy();
  Block* block = graph->block();
  if (!find_nodes(block, c10::prim::SetAttr).empty()) {
    return true;
  }
  copy_elements(*graph);
  // The analysis has one set for all values of a type that come from outside: attributes, elements of lists, and
  // inputs. One additional input of the type represents them all.
  // The operator batch_norm writes tensors without declaring it in its schema.
  std::vector<c10::TypePtr> types{c10::TensorType::get()};
  collect_written(block, types);
  std::vector<const Value*> shared;
  for (const auto& type : types) {
    shared.push_back(graph->addInput()->setType(type));
  }
  for (const auto kind : {c10::prim::GetAttr, c10::prim::Constant}) {
    for (const Node* node : find_nodes(block, kind)) {
      shared.push_back(node->output());
    }
  }
  const torch::jit::AliasDb aliases(graph);
  return std::any_of(shared.begin(), shared.end(), [&](const Value* value) { return aliases.hasWriters(value); });
}

}  // namespace

Written written_by(const torch::jit::Module& module, const torch::jit::Method& method) {
  Written written;
  Inlined inlined = inline_method(method);
  const bool complete = !inlined.recursive && (inlined.complete || inline_forks(*inlined.graph));
  if (complete) {
    expose_aliases(*inlined.graph);  // first, because folding removes writes into values that seem to have no readers
    fold_switches(inlined.graph, module);
    written = trace_writes(*inlined.graph);
  }
  written.everything = written.everything || !complete;
  written.recursive = inlined.recursive;
  written.alone = !inlined.complete || written.state() || needs_module_alone(inlined.graph);
  return written;
}

}  // namespace e2v
