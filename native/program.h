// A method of a module, rewritten for speed: calls of functions that we know become operators of our own. The module itself,
// and with it what save() writes, stays plain TorchScript.
#pragma once

#include <torch/script.h>

#include <optional>
#include <vector>

namespace e2v {

class Program {
 public:
  // The method's program, or nothing where the module calls no function that we know: then the method runs as it is.
  static std::optional<Program> of(const torch::jit::Module& module, const std::string& method);

  // As the method itself, defaults filled in. Throws what libtorch throws.
  c10::IValue run(std::vector<c10::IValue> inputs) const;

 private:
  Program(torch::jit::Module module, torch::jit::Code code, c10::FunctionSchema schema);

  torch::jit::Module module_;
  torch::jit::Code code_;
  c10::FunctionSchema schema_;
};

}  // namespace e2v
