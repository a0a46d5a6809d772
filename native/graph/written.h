// What a method may change in its module.
#pragma once

#include <set>

#include "graph/nodes.h"

namespace e2v {

struct Written {
  // Whether a run needs the module to itself. By the analysis of libtorch, in which all tensors from outside, including
  // inputs, may be the same.
  bool alone = false;
  // Attributes that are set or written in place: their own tensor, list or dict, a view of it, or what it contains.
  std::set<Slot> slots;
  bool constants = false;   // tensors that are constants of the graph are written
  bool everything = false;  // some write could not be followed
  bool recursive = false;   // libtorch cannot run the method (inlining.h)

  // Whether a run may change the module.
  bool state() const { return !slots.empty() || constants || everything; }

  void add(const Written& other) {
    alone = alone || other.alone;
    constants = constants || other.constants;
    everything = everything || other.everything;
    slots.insert(other.slots.begin(), other.slots.end());
  }
};

}  // namespace e2v
