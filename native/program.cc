#include "program.h"

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <utility>

#include "attention.h"

namespace e2v {
namespace {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;

constexpr const char* ATTEND = "__torch__.attention.attend";  // models/emotion2vec/attention.py
constexpr const char* ATTEND_OPERATOR = "emotion2vec::attend";

void attend_operator(Stack& stack) {
  auto inputs = torch::jit::pop(stack, 6);
  torch::jit::push(stack, attend(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toInt(), inputs[3].toIntVector(),
                                 inputs[4].toTensor(), inputs[5].toInt()));
}

// Once a process, even where two copies of this addon are loaded.
void register_operators() {
  static const bool done = [] {
    if (torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(ATTEND_OPERATOR)).empty()) {
      torch::jit::registerOperator(torch::jit::Operator(
          std::string(ATTEND_OPERATOR) +
              "(Tensor q, Tensor kv, int first, int[] offsets, Tensor slopes, int extra) -> Tensor",
          attend_operator, c10::AliasAnalysisKind::FROM_SCHEMA));
    }
    return true;
  }();
  (void)done;
}

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
      Node* call = node->owningGraph()->create(c10::Symbol::fromQualString(ATTEND_OPERATOR), node->inputs().slice(1));
      call->insertBefore(node);
      call->output()->copyMetadata(node->output());
      node->output()->replaceAllUsesWith(call->output());
      node->destroy();
      ++lowered;
      continue;
    }
    if (auto* graph_function = function == nullptr ? nullptr : torch::jit::tryToGraphFunction(*function)) {
      // What is inlined stands before the node: go on from there, for it may call others.
      Node* before = node->prev();
      if (node->kind() == c10::prim::CallFunction) {
        node->removeInput(0);  // the function itself
      }
      torch::jit::inlineCallTo(node, graph_function);
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

}  // namespace

Program::Program(torch::jit::Module module, torch::jit::Code code, c10::FunctionSchema schema)
    : module_(std::move(module)), code_(std::move(code)), schema_(std::move(schema)) {}

std::optional<Program> Program::of(const torch::jit::Module& module, const std::string& method) {
  register_operators();
  const auto function = module.find_method(method);
  if (!function || !module._ivalue()->compilation_unit()->find_function(c10::QualifiedName(ATTEND))) {
    return std::nullopt;
  }
  const std::shared_ptr<Graph> graph = torch::jit::toGraphFunction(function->function()).graph()->copy();
  if (lower_calls(graph->block()) == 0) {
    return std::nullopt;
  }
  return Program(module, torch::jit::Code(graph, method), function->function().getSchema());
}

c10::IValue Program::run(std::vector<c10::IValue> inputs) const {
  Stack stack{module_._ivalue()};
  stack.insert(stack.end(), std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
  schema_.checkAndNormalizeInputs(stack);
  torch::jit::InterpreterState(code_).run(stack);
  return std::move(stack.back());
}

}  // namespace e2v
