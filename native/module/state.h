// The state of a module: what its methods change, in contrast to its weights.
#pragma once

#include <torch/script.h>

#include "graph/written.h"

namespace e2v {

// Returns the same module with a state of its own: the attributes in `written` are copied, and so are lists, dicts and
// objects that are not modules. All other tensors are those of the original. Aliases are preserved: what was one
// tensor, one list or a view of another is so in the copy.
torch::jit::Module with_own_state(const torch::jit::Module& module, const Written& written);

}  // namespace e2v
