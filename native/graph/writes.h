// Analysis of what a method may change in its module.
#pragma once

#include <torch/script.h>

#include "graph/written.h"

namespace e2v {

// Boolean attributes, such as `training`, count as constants: the result is valid until one of them changes.
Written written_by(const torch::jit::Module& module, const torch::jit::Method& method);

}  // namespace e2v
