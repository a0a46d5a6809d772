#include "graph/program.h"

#include <torch/csrc/jit/runtime/interpreter.h>

#include <string>
#include <utility>

#include "graph/fusion.h"
#include "graph/inlining.h"

namespace e2v {

using torch::jit::Module;

std::optional<Program> Program::of(const Module& module, const std::string& method) {
  const auto found = module.find_method(method);
  if (!found) {
    return std::nullopt;
  }
  const Inlined inlined = inline_method(*found);
  const auto& graph = inlined.graph;
  if (!inlined.complete || (inlined.lowered == 0 && !has_quantized_linears(*graph))) {
    return std::nullopt;
  }
  Program program(module, found->function().getSchema());
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

void Program::restore() {
  while (!packed_.empty()) {
    packed_.back().restore();
    packed_.pop_back();
  }
}

}  // namespace e2v
