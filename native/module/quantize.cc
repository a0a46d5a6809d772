#include "module/quantize.h"

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "graph/nodes.h"
#include "module/linear_layers.h"
#include "module/tensors.h"
#include "system/error.h"

namespace e2v {

using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

namespace {

std::string scale_name(const std::string& weight) { return weight + std::string(SCALE_SUFFIX); }

CodedError nothing_to_quantize(const LinearLayers& layers) {
  const std::string size = std::to_string(MIN_LAYER_SIZE);
  return {"ERR_QUANTIZE", layers.quantized_before() ? "The linear layers of the model are already quantized"
                                                    : "The model has no linear layer with constant weights of " + size +
                                                          " x " + size + " or more"};
}

class Quantizer {
 public:
  Quantizer(const Module& module, WeightFormat format) : module_(module), format_(format), layers_(module) {}

  QuantizeReport run(const std::function<void()>& before_weights) {
    QuantizeReport report;
    each_tensor(module_, [&](const at::Tensor& tensor) {
      report.parameters += tensor.is_floating_point() ? tensor.numel() : 0;
    });
    report.bytes_before = tensor_bytes(module_);
    report.kept = layers_.kept();
    if (layers_.weights().empty()) {
      throw nothing_to_quantize(layers_);
    }
    if (format_ == WeightFormat::Int8) {
      for (const auto& [slot, transposed] : layers_.weights()) {
        for (Module& owner : layers_.owners(slot)) {
          owner.register_attribute(scale_name(slot.second), c10::TensorType::get(), at::ones({1, 1}));
        }
      }
    }
    for (const auto& method : layers_.methods()) {
      widen_reads(*method.graph);
    }
    before_weights();
    for (const auto& [slot, transposed] : layers_.weights()) {
      for (Module& owner : layers_.owners(slot)) {
        const int64_t size = quantize_weight(owner, slot.second, transposed);
        report.quantized += size;
        report.layers += size > 0;
      }
    }
    report.bytes_after = tensor_bytes(module_);
    return report;
  }

 private:
  // Inserts, after every read of a quantized weight, the expression that makes a float weight of it.
  void widen_reads(Graph& graph) {
    for (Node* read : find_nodes(graph.block(), c10::prim::GetAttr)) {
      const auto slot = reads_tensor(read) ? slot_of(read) : std::nullopt;
      if (!slot || !layers_.weights().contains(*slot)) {
        continue;
      }
      read->output()->setType(c10::TensorType::get());
      for (const auto& use : std::vector(read->output()->uses().begin(), read->output()->uses().end())) {
        const bool through_t = use.user->kind() == c10::aten::t && use.user->output()->uses().size() == 1;
        const auto final_use = through_t ? use.user->output()->uses()[0] : use;
        Node* user = final_use.user;
        const bool by_linear = user->kind() == c10::aten::linear && final_use.offset == 1;
        if (through_t && by_linear) {
          use.user->moveBefore(user);  // x may be computed after the transposition
        }
        const WithInsertPoint here(use.user);
        Value* like = by_linear ? user->input(0) : nullptr;
        use.user->replaceInput(use.offset, widened(graph, read, like));
      }
    }
  }

  Value* widened(Graph& graph, Node* read, Value* like) {
    const auto convert = [&](Value* value) {
      return like != nullptr ? graph.insert(c10::aten::type_as, {value, like})
                             : graph.insert(c10::aten::to, {value, at::kFloat});
    };
    Value* weight = convert(read->output());
    if (format_ != WeightFormat::Int8) {
      return weight;
    }
    Value* scale = graph.insertGetAttr(read->input(), scale_name(read->s(c10::attr::name)));
    return graph.insert(c10::aten::mul, {weight, convert(scale)});
  }

  // Returns the number of elements of the weight; 0 if another object shares it and it was counted there.
  int64_t quantize_weight(Module& owner, const std::string& name, bool transposed) {
    const at::Tensor weight = owner.attr(name).toTensor();
    // Modules that share a weight share the quantized one.
    auto [known, fresh] = done_.try_emplace(weight.unsafeGetTensorImpl(), weight, at::Tensor(), at::Tensor());
    auto& [original, smaller, scale] = known->second;
    if (fresh && format_ != WeightFormat::Int8) {
      smaller = weight.to(format_ == WeightFormat::Bf16 ? at::kBFloat16 : at::kHalf);
    } else if (fresh) {
      const int64_t inputs = transposed ? 0 : 1;  // [N, K] or [K, N]
      const at::Tensor largest =
          weight.numel() == 0 ? at::ones({1, 1}, weight.options()) : weight.abs().amax(inputs, true).to(at::kFloat);
      scale = (largest / 127.0).clamp_min(1e-30);
      smaller = (weight / scale).round_().clamp_(-127, 127).to(at::kChar);
    }
    if (format_ == WeightFormat::Int8) {
      owner.setattr(scale_name(name), scale);
    }
    owner.setattr(name, smaller);
    const int64_t size = fresh ? weight.numel() : 0;
    if (weight.use_count() == 2) {  // `weight` and `original` are the only references
      done_.erase(known);
    }
    return size;
  }

  const Module& module_;
  const WeightFormat format_;
  LinearLayers layers_;
  std::map<const void*, std::tuple<at::Tensor, at::Tensor, at::Tensor>> done_;
};

}  // namespace

QuantizeReport quantize_weights(Module& module, WeightFormat format, const std::function<void()>& before_weights) {
  return Quantizer(module, format).run(before_weights);
}

}  // namespace e2v
