// A copy of a module's code.
#pragma once

#include <torch/script.h>

namespace e2v {

// A module with types and graphs of its own and the same values. Unlike torch::jit::Module::clone it has functions that
// take a module (forward hooks are such) inside the methods that call them: they would ask for the original's types,
// and an archive of the clone would not load.
torch::jit::Module clone_module(const torch::jit::Module& module);

}  // namespace e2v
