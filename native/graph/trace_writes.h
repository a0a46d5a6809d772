// Traces each write of a graph back to the attribute, constant or input that it changes.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include "graph/written.h"

namespace e2v {

// Returns what a graph writes. The graph must be complete (inlining.h), and its aliases must show in the schemas of its
// operators: written_by() sees to both.
Written trace_writes(torch::jit::Graph& graph);

}  // namespace e2v
