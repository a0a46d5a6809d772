// Inlining of a method and everything that it calls into one graph. Programs, and questions about a method, start from
// such a graph.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <memory>

namespace e2v {

struct Inlined {
  std::shared_ptr<torch::jit::Graph> graph;  // a copy; its first input is the object of the method
  int lowered;                               // number of calls of known functions that became operators of ours
  bool complete;  // no call and no forked graph is left, which might use the module outside of the graph
  // A function calls itself, or there are too many calls: libtorch, which inlines all of them, would not terminate.
  bool recursive;
};
Inlined inline_method(const torch::jit::Method& method);

// Inlines what a graph forks, to answer questions about it: the graph would no longer run in parallel. Returns whether
// it is then complete.
bool inline_forks(torch::jit::Graph& graph);

// Whether the network of a module is emotion2vec+ as models/emotion2vec/ writes it, which computes in the dtype of its
// parameters.
bool is_emotion2vec(const torch::jit::Module& module);

}  // namespace e2v
