// A copy of the code of a module.
#pragma once

#include <torch/script.h>

namespace e2v {

// Returns a module with types and graphs of its own and the same values. Unlike torch::jit::Module::clone, it inlines
// functions that take a module, such as forward hooks, into the methods that call them: such a function would require
// the type of the original, and an archive of the clone could not be loaded.
torch::jit::Module clone_module(const torch::jit::Module& module);

}  // namespace e2v
