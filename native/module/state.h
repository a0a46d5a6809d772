// A module's state: what its methods change, as opposed to its weights.
#pragma once

#include <torch/script.h>

#include "graph/written.h"

namespace e2v {

// The same module with a state of its own: what `written` names, and lists, dicts and objects that are no modules, are
// copied; the rest of the tensors is the original's. What was one tensor, one list or a view of another is so again.
torch::jit::Module with_own_state(const torch::jit::Module& module, const Written& written);

}  // namespace e2v
