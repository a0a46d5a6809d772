#include "program.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <utility>

#include "graph.h"
#include "operators.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;

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
      replace_node(node, node->owningGraph()->create(c10::Symbol::fromQualString(ATTEND_OPERATOR), node->inputs().slice(1)));
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

// Whether something that is no part of the graph may read the module: a fork's own graph, a call that could not be inlined.
bool reads_unseen(Graph& graph) {
  for (const auto kind : {c10::prim::fork, c10::prim::awaitable, c10::prim::CallMethod, c10::prim::CallFunction}) {
    if (!find_nodes(graph.block(), kind).empty()) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Program> Program::of(const Module& module, const std::string& method) {
  register_operators();
  const auto function = module.find_method(method);
  if (!function) {
    return std::nullopt;
  }
  const std::shared_ptr<Graph> graph = torch::jit::toGraphFunction(function->function()).graph()->copy();
  if ((lower_calls(graph->block()) == 0 && !has_compressed_linears(*graph)) || reads_unseen(*graph)) {
    return std::nullopt;
  }
  Program program(module, function->function().getSchema());
  fuse_norms(*graph);
  program.packed_ = pack_weights(*graph, module);
  program.code_.emplace(graph, method);
  return program;
}

c10::IValue Program::run(std::vector<c10::IValue> inputs) const {
  torch::jit::Stack stack{module_._ivalue()};
  stack.insert(stack.end(), std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
  schema_.checkAndNormalizeInputs(stack);
  for (const PackedWeight& packed : packed_) {
    stack.insert(stack.end(), packed.tensors.begin(), packed.tensors.end());
  }
  torch::jit::InterpreterState(*code_).run(stack);
  return std::move(stack.back());
}

void Program::give_back() {
  while (!packed_.empty()) {
    packed_.back().give_back();
    packed_.pop_back();
  }
}

bool is_emotion2vec(const Module& module) {
  return module._ivalue()->compilation_unit()->find_function(c10::QualifiedName(ATTEND)) != nullptr;
}

}  // namespace e2v
