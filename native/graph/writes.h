// What a method may change of its module.
#pragma once

#include <torch/script.h>

#include <set>

#include "graph/nodes.h"

namespace e2v {

struct Written {
  // By the analysis of libtorch, which takes all tensors from outside for one another, inputs among them: whether a run
  // needs the module to itself.
  bool alone = false;
  std::set<Slot>
      slots;  // set, or written in place: the attribute's own tensor, list or dict, a view of it, or what is in it
  bool constants = false;   // tensors that are constants of the graph are written
  bool everything = false;  // that could not be followed
  bool recursive = false;   // libtorch cannot run it (inlining.h)

  // Whether the module may be another one after a run.
  bool state() const { return !slots.empty() || constants || everything; }
  void add(const Written& other);
};

// Attributes that are booleans, as `training` is, count as constants: the answer holds until one changes.
Written written_by(const torch::jit::Module& module, const torch::jit::Method& method);

}  // namespace e2v
