// A method of a module, rewritten for speed: calls of functions that we know become operators of our own, weights of
// linear layers are packed. The packed weights take the place of the module's own, so that there is one copy;
// restore() undoes it.
#pragma once

#include <torch/script.h>

#include <utility>
#include <optional>
#include <string>
#include <vector>

#include "graph/pack_weights.h"

namespace e2v {

class Program {
 public:
  // The method's program, or nothing where the module neither calls a function that we know nor has compressed weights:
  // then the method runs as it is. Until restore(), the module must be neither run, changed nor saved.
  static std::optional<Program> of(const torch::jit::Module& module, const std::string& method);

  // As the method itself, defaults filled in. Throws what libtorch throws. Safe from several threads at once where the
  // method is.
  c10::IValue run(std::vector<c10::IValue> inputs) const;

  // Makes the module what it was, to the bit. The program must not run afterwards.
  void restore();

 private:
  Program(torch::jit::Module module, c10::FunctionSchema schema)
      : module_(std::move(module)), schema_(std::move(schema)) {}

  torch::jit::Module module_;
  c10::FunctionSchema schema_;
  std::vector<PackedWeight> packed_;
  std::optional<torch::jit::Code> code_;
};

}  // namespace e2v
