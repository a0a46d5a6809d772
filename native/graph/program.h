// A method of a module that is rewritten for speed: calls of known functions become operators of ours, and the weights
// of linear layers are packed. The packed weights replace those of the module, so that there is one copy; restore()
// undoes this.
#pragma once

#include <torch/script.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/pack_weights.h"

namespace e2v {

class Program {
 public:
  // Returns the program of a method, or nothing if the module neither calls a known function nor has quantized weights;
  // then the method runs unchanged. Until restore(), the module must not be run, changed or saved.
  static std::optional<Program> of(const torch::jit::Module& module, const std::string& method);

  // Runs like the method itself, with its default arguments. Throws what libtorch throws. Safe to call from several
  // threads at once if the method is.
  c10::IValue run(std::vector<c10::IValue> inputs) const;

  // Restores the module, to the bit. The program must not run afterwards.
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
