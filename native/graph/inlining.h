// A method with what it calls in one graph, which is what programs and questions about a method start from.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <memory>

namespace e2v {

struct Inlined {
  std::shared_ptr<torch::jit::Graph> graph;  // a copy; the first input is the method's object
  int lowered;                               // calls of functions that we know, which are operators of ours now
  bool complete;   // nothing is left that is no part of the graph and may touch the module: a call, a fork's own graph
  bool recursive;  // a function calls itself, or there are too many calls: libtorch, which inlines all of them, would
                   // never end
};
Inlined inline_method(const torch::jit::Method& method);

// Puts what a graph forks in the place of the forks, for questions about the graph: it would not run in parallel any
// more. Returns whether it is complete then.
bool inline_forks(torch::jit::Graph& graph);

// Whether a module's network is emotion2vec+ as models/emotion2vec/ writes it, which carries its parameters' dtype
// through.
bool is_emotion2vec(const torch::jit::Module& module);

}  // namespace e2v
