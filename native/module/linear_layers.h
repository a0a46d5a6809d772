// The linear layers of a TorchScript module whose weights are constant.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/script.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/nodes.h"

namespace e2v {

// The smallest number of inputs and of outputs of a layer that is worth quantizing: fewer do not fill a vector.
constexpr int64_t MIN_LAYER_SIZE = 16;

class LinearLayers {
 public:
  struct Method {
    c10::ClassType* type;
    std::string name;
    std::shared_ptr<torch::jit::Graph> graph;
  };

  // Rewrites the graphs of `module` so that every product with a constant matrix is a linear layer whose weight is an
  // attribute. Removes methods that would write such a weight, and the methods that call them.
  explicit LinearLayers(const torch::jit::Module& module);

  // The attributes that hold a constant weight -> whether it is stored as [K, N] instead of [N, K].
  const std::map<Slot, bool>& weights() const { return weights_; }
  // The objects that have an attribute.
  std::vector<torch::jit::Module>& owners(const Slot& slot) { return instances_[slot.first]; }
  const std::vector<Method>& methods() const { return methods_; }

  // Number of layers that were left out because they are too small or too large.
  int64_t kept() const { return kept_; }
  // Whether some layer was quantized before.
  bool quantized_before() const { return quantized_before_; }

 private:
  using MethodName = std::pair<const c10::ClassType*, std::string>;

  void lift_constants(Method& method);
  void make_products_linear(torch::jit::Graph& graph);
  torch::jit::Node* make_linear(torch::jit::Graph& graph, torch::jit::Value* x, torch::jit::Value* matrix) const;
  void collect_weights(torch::jit::Graph& graph);
  bool all_weights(const Slot& slot) const;
  void drop_unworthy();
  void drop_written(const c10::ClassType* type);
  std::set<MethodName> reached_from(const MethodName& method) const;
  std::vector<Slot> written(torch::jit::Graph& graph) const;

  std::map<const c10::ClassType*, std::vector<torch::jit::Module>> instances_;
  std::vector<Method> methods_;
  std::map<Slot, bool> weights_;
  int64_t kept_ = 0;
  bool quantized_before_ = false;
};

}  // namespace e2v
