#include "graph/inlining.h"

#include <torch/csrc/jit/api/function_impl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graph/nodes.h"
#include "operators/register.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

namespace {

constexpr const char* ATTEND = "__torch__.attention.attend";  // models/emotion2vec/attention.py

// Returns the function or method that a node calls; null if there is none.
Function* callee(const Node* node) {
  if (node->kind() == c10::prim::CallFunction) {
    return node->input(0)->type()->expect<c10::FunctionType>()->function();
  }
  if (node->kind() == c10::prim::CallMethod) {
    if (const auto type = node->input(0)->type()->cast<c10::ClassType>()) {
      return type->findMethod(node->s(c10::attr::name));
    }
  }
  return nullptr;
}

// Inlines every call below a block. A call of a known function becomes its operator. A function that calls itself stays
// called, because inlining would not terminate.
class Inliner {
 public:
  explicit Inliner(Function* outermost) : active_{outermost} {}

  void run(Block* block) {
    std::vector<Node*> ends;  // the first node after each inlined call
    for (auto it = block->nodes().begin(); it != block->nodes().end();) {
      Node* node = *it++;
      while (!ends.empty() && ends.back() == node) {
        ends.pop_back();
        active_.pop_back();
      }
      Function* function = callee(node);
      if (function != nullptr && function->qualname().qualifiedName() == ATTEND && node->inputs().size() == 7) {
        const auto name = c10::Symbol::fromQualString(ATTEND_OPERATOR);
        replace_node(node, node->owningGraph()->create(name, node->inputs().slice(1)));
        ++lowered_;
        continue;
      }
      auto* graph_function = function == nullptr ? nullptr : torch::jit::tryToGraphFunction(*function);
      if (graph_function != nullptr && may_inline(function)) {
        Node* before = node->prev();
        ends.push_back(node->next());
        active_.push_back(function);
        if (node->kind() == c10::prim::CallFunction) {
          node->removeInput(0);  // the function itself is the first input
        }
        torch::jit::inlineCallTo(node, graph_function, /*inline_optimized_graph=*/false);
        // Continue from the first inlined node, which may be a call too.
        it = before->iterator();
        ++it;
        continue;
      }
      for (Block* inner : node->blocks()) {
        run(inner);
      }
    }
    active_.resize(active_.size() - ends.size());
  }

  int lowered() const { return lowered_; }
  bool recursive() const { return recursive_; }

 private:
  bool may_inline(Function* function) {
    constexpr int MAX_CALLS = 20'000;  // twenty times the calls of the largest networks
    if (std::find(active_.begin(), active_.end(), function) != active_.end() || ++calls_ > MAX_CALLS) {
      recursive_ = true;
      return false;
    }
    return true;
  }

  std::vector<Function*> active_;  // the functions that the current node is inside of
  int calls_ = 0, lowered_ = 0;
  bool recursive_ = false;
};

bool has_hidden_code(Graph& graph) {
  for (const auto kind : {c10::prim::fork, c10::prim::awaitable, c10::prim::CallMethod, c10::prim::CallFunction}) {
    if (!find_nodes(graph.block(), kind).empty()) {
      return true;
    }
  }
  return false;
}

}  // namespace

Inlined inline_method(const torch::jit::Method& method) {
  register_operators();
  const auto* function = torch::jit::tryToGraphFunction(method.function());
  if (function == nullptr) {
    return {std::make_shared<Graph>(), 0, false, false};
  }
  Inlined inlined{function->graph()->copy(), 0, false, false};
  Inliner inliner(&method.function());
  inliner.run(inlined.graph->block());
  inlined.lowered = inliner.lowered();
  inlined.recursive = inliner.recursive();
  inlined.complete = !has_hidden_code(*inlined.graph);
  return inlined;
}

bool inline_forks(Graph& graph) {
  constexpr int MAX_DEPTH = 16;  // of forks within forks
  for (int depth = 0; depth < MAX_DEPTH; ++depth) {
    const auto forks = find_nodes(graph.block(), c10::prim::fork);
    if (forks.empty()) {
      return !has_hidden_code(graph);
    }
    for (Node* fork : forks) {
      const torch::jit::WithInsertPoint here(fork);
      const auto results = torch::jit::insertGraph(graph, *fork->g(c10::attr::Subgraph), fork->inputs());
      for (const auto& use : std::vector(fork->output()->uses().begin(), fork->output()->uses().end())) {
        if (use.user->kind() != c10::aten::wait || results.size() != 1) {
          return false;
        }
        use.user->output()->replaceAllUsesWith(results[0]);
        use.user->destroy();
      }
      fork->destroy();
    }
    Inliner(nullptr).run(graph.block());
  }
  return false;
}

bool is_emotion2vec(const torch::jit::Module& module) {
  return module._ivalue()->compilation_unit()->find_function(c10::QualifiedName(ATTEND)) != nullptr;
}

}  // namespace e2v
