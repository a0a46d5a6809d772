#include "graph/pack_weights.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/fusion.h"
#include "graph/nodes.h"
#include "operators/int8_linear.h"
#include "operators/onednn.h"
#include "operators/processor.h"
#include "operators/register.h"

namespace e2v {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

bool has_quantized_linears(Graph& graph) {
  for (const Node* linear : find_nodes(graph.block(), c10::aten::linear)) {
    const auto weight = linear_weight(linear);
    if (weight && weight->widened) {
      return true;
    }
  }
  return false;
}

namespace {

constexpr int64_t MIN_PACKED = 65536;  // number of elements of a float32 weight

class Packer {
 public:
  Packer(Graph& graph, const Module& module) : graph_(graph), module_(module), self_(graph.inputs()[0]) {}

  std::vector<PackedWeight> run() {
    for (Node* read : find_nodes(graph_.block(), c10::prim::GetAttr)) {
      if (reads_tensor(read)) {
        if (const auto owner = resolve_module(read->input(), self_, module_)) {
          attributes_[{owner->_ivalue().get(), read->s(c10::attr::name)}].reads.push_back(read);
        }
      }
    }
    // Packing destroys nodes, including reads of scales: no node may be read after the first weight is packed.
    std::vector<const Attribute*> weights;
    for (auto& [key, attribute] : attributes_) {
      bool only_layers = true;
      for (const Node* read : attribute.reads) {
        only_layers = only_layers && collect(read->output(), attribute);
      }
      // A weight cannot be of both kinds, because it has either two dimensions or three.
      if (only_layers && attribute.linears.empty() != attribute.convolutions.empty()) {
        weights.push_back(&attribute);
      }
    }
    for (const Attribute* weight : weights) {
      weight->linears.empty() ? pack_convolution(*weight) : pack_linear(*weight);
    }
    return std::move(packed_);
  }

  // Restores the weights that were packed before something failed.
  void restore() {
    for (PackedWeight& packed : packed_) {
      packed.restore();
    }
  }

 private:
  using Key = std::pair<const void*, std::string>;  // the object and the name of the attribute
  struct Attribute {
    std::vector<Node*> reads;
    std::vector<Node*> linears;
    std::vector<Node*> convolutions;
  };

  // Collects the layers that use a value as their weight, through the forms that linear_weight() recognizes. Returns
  // false if the value has another use.
  static bool collect(const Value* value, Attribute& attribute) {
    for (const auto& use : value->uses()) {
      const auto kind = use.user->kind();
      if (kind == c10::aten::linear && use.offset == 1 && linear_weight(use.user)) {
        attribute.linears.push_back(use.user);
      } else if (kind == c10::aten::conv1d && use.offset == 1 && reads_tensor(value->node())) {
        attribute.convolutions.push_back(use.user);
      } else if (use.offset != 0 || (kind != c10::aten::type_as && kind != c10::aten::mul && kind != c10::aten::t) ||
                 !collect(use.user->output(), attribute)) {
        return false;
      }
    }
    return true;
  }

  Module owner_of(const Node* read) const { return *resolve_module(read->input(), self_, module_); }

  void pack_linear(const Attribute& attribute) {
    const LinearWeight form = *linear_weight(attribute.linears[0]);
    Module owner = owner_of(form.read);
    const std::string name = form.read->s(c10::attr::name);
    const at::Tensor stored = owner.attr(name).toTensor();
    for (const Node* linear : attribute.linears) {
      if (linear_weight(linear)->transposed != form.transposed) {
        return;
      }
    }
    if (stored.dim() != 2 || stored.numel() == 0) {
      return;
    }
    const at::Tensor weight = form.transposed ? stored.t() : stored;
    PackedWeight packed{owner, name, {}, form.transposed, weight.sizes().vec(), stored.scalar_type()};
    if (form.scale != nullptr) {
      const Node* read = form.scale->node();
      if (stored.scalar_type() != at::kChar || !has_fast_int8() || !reads_tensor(read)) {
        return;
      }
      const at::Tensor scale = owner_of(read).attr(read->s(c10::attr::name)).toTensor();
      if (weight.size(1) > INT8_MAX_DEPTH || scale.numel() != weight.size(0) || scale.dim() != 2 ||
          scale.size(form.transposed ? 0 : 1) != 1) {
        return;
      }
      const Int8Weight int8 = pack_int8(weight, scale);
      packed.tensors = {int8.packed, int8.scale, int8.sum};
    } else {
      const bool bf16 = stored.scalar_type() == at::kBFloat16;
      const bool fp32 = stored.scalar_type() == at::kFloat && !form.widened && stored.numel() >= MIN_PACKED;
      if (!can_pack() || (!bf16 && !fp32)) {
        return;
      }
      packed.tensors = {pack_linear_weight(bf16 && !has_fast_bf16() ? weight.to(at::kFloat) : weight)};
    }
    packed_.push_back(packed);
    owner.setattr(name, at::empty({0}, stored.options()));
    std::vector<Value*> inputs;
    for (size_t i = 0; i < packed.tensors.size(); ++i) {
      inputs.push_back(graph_.addInput());
    }
    for (Node* linear : attribute.linears) {
      lower(linear, inputs, packed.shape[1]);
    }
  }

  void pack_convolution(const Attribute& attribute) {
    Module owner = owner_of(attribute.reads[0]);
    const std::string name = attribute.reads[0]->s(c10::attr::name);
    const at::Tensor stored = owner.attr(name).toTensor();
    const bool fast = stored.scalar_type() == at::kFloat || (stored.scalar_type() == at::kBFloat16 && has_fast_bf16());
    const auto groups = constant_int(attribute.convolutions[0]->input(6));
    bool plain = true;  // padding may also be the name of a mode
    for (const Node* convolution : attribute.convolutions) {
      plain = plain && convolution->input(4)->type()->isSubtypeOf(*c10::ListType::ofInts()) &&
              constant_int(convolution->input(6)) == groups;
    }
    if (stored.dim() != 3 || stored.numel() < MIN_PACKED || !fast || !plain || !groups || !can_pack()) {
      return;
    }
    packed_.push_back(
        {owner, name, {pack_convolution_weight(stored, *groups)}, false, stored.sizes().vec(), stored.scalar_type()});
    owner.setattr(name, at::empty({0, 0, 0}, stored.options()));
    Value* weight = graph_.addInput();
    for (Node* convolution : attribute.convolutions) {
      std::vector<Value*> inputs = convolution->inputs().vec();
      Value* unpacked = std::exchange(inputs[1], weight);
      replace_node(convolution, create_node(graph_, CONVOLUTION_OPERATOR, inputs));
      drop_unused(unpacked);
    }
  }

  // Returns an int that is a constant, or an attribute that no method of this graph writes.
  std::optional<int64_t> constant_int(Value* value) const {
    const Node* read = value->node();
    if (read->kind() == c10::prim::GetAttr && find_nodes(graph_.block(), c10::prim::SetAttr).empty()) {
      const auto owner = resolve_module(read->input(), self_, module_);
      return owner ? std::optional(owner->attr(read->s(c10::attr::name)).toInt()) : std::nullopt;
    }
    return torch::jit::constant_as<int64_t>(value);
  }

  void lower(Node* linear, const std::vector<Value*>& weight, int64_t depth) {
    Value* unpacked = linear->input(1);
    Node* gelu = gelu_after(linear);
    const WithInsertPoint here(linear);
    std::vector<Value*> inputs{linear->input(0)};
    inputs.insert(inputs.end(), weight.begin(), weight.end());
    if (weight.size() > 1) {
      inputs.push_back(graph_.insertConstant(depth));
    }
    inputs.push_back(linear->input(2));
    inputs.push_back(graph_.insertConstant(gelu != nullptr));
    replace_with_gelu(linear, gelu,
                      create_node(graph_, weight.size() == 1 ? LINEAR_OPERATOR : INT8_LINEAR_OPERATOR, inputs));
    drop_unused(unpacked);
  }

  Graph& graph_;
  const Module& module_;
  Value* self_;
  std::map<Key, Attribute> attributes_;
  std::vector<PackedWeight> packed_;
};

}  // namespace

std::vector<PackedWeight> pack_weights(Graph& graph, const Module& module) {
  Packer packer(graph, module);
  try {
    return packer.run();
  } catch (...) {
    packer.restore();
    throw;
  }
}

void PackedWeight::restore() {
  owner.setattr(attribute, unpack());
  tensors.clear();
}

at::Tensor PackedWeight::unpack() const {
  if (shape.size() == 3) {
    return unpack_convolution_weight(tensors[0]);
  }
  const at::Tensor weight =
      tensors.size() == 1 ? unpack_linear_weight(tensors[0]) : unpack_int8(tensors[0], shape[0], shape[1]);
  return (transposed ? weight.t().contiguous() : weight).to(dtype);
}

}  // namespace e2v
