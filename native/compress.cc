#include "compress.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "error.h"
#include "graph.h"
#include "int8_linear.h"
#include "tensors.h"

namespace e2v {

using c10::ClassType;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

namespace {

constexpr int64_t WORTH_COMPRESSING = 16;             // inputs and outputs; the fewest that fill a vector

bool is_weight(const at::Tensor& tensor) {
  return tensor.dim() == 2 && tensor.scalar_type() == at::kFloat &&
         std::min(tensor.size(0), tensor.size(1)) >= WORTH_COMPRESSING &&
         std::max(tensor.size(0), tensor.size(1)) <= INT8_MAX_DEPTH;
}

class Compressor {
 public:
  Compressor(Module& module, WeightFormat format) : module_(module), format_(format) {
    for (const Module& part : module.modules()) {
      instances_[part.type().get()].push_back(part);
    }
    for (const auto& [type, instances] : instances_) {
      for (torch::jit::Function* method : type->methods()) {
        if (auto* function = torch::jit::tryToGraphFunction(*method)) {
          graphs_.push_back({const_cast<ClassType*>(type), method->name(), function->graph()});
        }
      }
    }
  }

  CompressReport run(const std::function<void()>& before_weights) {
    CompressReport report;
    bool compressed_before = false;
    for (Method& method : graphs_) {
      lift_constants(method);
      linearise(*method.graph);
      for (const Node* linear : find_nodes(method.graph->block(), c10::aten::linear)) {
        if (const auto weight = linear_weight(linear)) {
          compressed_before = compressed_before || weight->widened;
          if (const auto slot = weight->widened ? std::nullopt : slot_of(weight->read)) {
            slots_[*slot] = weight->transposed;
          }
        }
      }
    }
    each_tensor(module_, [&](const at::Tensor& tensor) {
      report.parameters += tensor.is_floating_point() ? tensor.numel() : 0;
    });
    report.bytes_before = tensor_bytes(module_);
    report.kept = drop_unworthy();
    drop_written();
    if (slots_.empty()) {
      throw CodedError("ERR_QUANTIZE", compressed_before ? "The model's linear layers are compressed already"
                                                         : "The model has no linear layer with constant weights of " +
                                                               std::to_string(WORTH_COMPRESSING) + " x " +
                                                               std::to_string(WORTH_COMPRESSING) + " or more");
    }
    if (format_ == WeightFormat::Int8) {
      for (const auto& [slot, transposed] : slots_) {
        for (Module& owner : instances_[slot.first]) {
          owner.register_attribute(slot.second + std::string(SCALE_SUFFIX), c10::TensorType::get(), at::ones({1, 1}));
        }
      }
    }
    for (Method& method : graphs_) {
      widen_reads(*method.graph);
    }
    before_weights();
    for (const auto& [slot, transposed] : slots_) {
      for (Module& owner : instances_[slot.first]) {
        const int64_t size = compress_weight(owner, slot.second, transposed);
        report.compressed += size;
        report.layers += size > 0;
      }
    }
    report.bytes_after = tensor_bytes(module_);
    return report;
  }

 private:
  struct Method {
    ClassType* type;
    std::string name;
    std::shared_ptr<Graph> graph;
  };

  // Weights that freezing or tracing made constants of the graph become attributes of the method's own object.
  void lift_constants(Method& method) {
    for (Node* constant : find_nodes(method.graph->block(), c10::prim::Constant)) {
      if (!constant->output()->type()->isSubtypeOf(*c10::TensorType::get()) || !is_operand(constant->output())) {
        continue;
      }
      const auto tensor = torch::jit::constant_as<at::Tensor>(constant->output());
      if (!tensor || !is_weight(*tensor)) {
        continue;
      }
      std::string name;
      for (int i = 0; name.empty() || method.type->hasAttribute(name); ++i) {
        name = "weight_" + std::to_string(i);
      }
      for (Module& owner : instances_[method.type]) {
        owner.register_buffer(name, *tensor);
      }
      const WithInsertPoint here(constant);
      Value* read = method.graph->insertGetAttr(method.graph->inputs()[0], name);
      constant->output()->replaceAllUsesWith(read);
      constant->destroy();
    }
  }

  static bool is_operand(const Value* value) {
    for (const auto& use : value->uses()) {
      const auto kind = use.user->kind();
      if ((kind == c10::aten::linear && use.offset == 1) || (kind == c10::aten::matmul && use.offset == 1) ||
          (kind == c10::aten::mm && use.offset == 1) || (kind == c10::aten::addmm && use.offset == 2) ||
          (kind == c10::aten::t && is_operand(use.user->output()))) {
        return true;
      }
    }
    return false;
  }

  // Products with a matrix of the module are linear layers: matmul(x, t(weight)), and matmul(x, weight) where the weight is a
  // parameter. Buffers are not learnt but given, as a filter bank is, and what they multiply may have a range that eight bits
  // cannot hold. What is added stays an addition of its own: it may have any shape.
  void linearise(Graph& graph) {
    for (const auto kind : {c10::aten::matmul, c10::aten::mm}) {
      for (Node* product : find_nodes(graph.block(), kind)) {
        const WithInsertPoint here(product);
        Value* matrix = product->input(1);
        if (Node* linear = make_linear(graph, product->input(0), matrix)) {
          replace_node(product, linear);
          drop_unused(matrix);
        }
      }
    }
    for (Node* product : find_nodes(graph.block(), c10::aten::addmm)) {
      const auto plain = [&](size_t input) {
        const auto value = torch::jit::constant_as<at::Scalar>(product->input(input));
        return value && value->equal(1);
      };
      const WithInsertPoint here(product);
      Node* linear = plain(3) && plain(4) ? make_linear(graph, product->input(1), product->input(2)) : nullptr;
      if (linear != nullptr) {
        Value* matrix = product->input(2);
        linear->insertBefore(product);
        Value* sum = graph.insert(c10::aten::add, {linear->output(), product->input(0)});
        sum->copyMetadata(product->output());
        product->output()->replaceAllUsesWith(sum);
        product->destroy();
        drop_unused(matrix);
      }
    }
  }

  // The linear layer that x times a matrix is, or null.
  Node* make_linear(Graph& graph, Value* x, Value* matrix) const {
    const bool transposed = matrix->node()->kind() == c10::aten::t;
    const Node* read = transposed ? matrix->node()->input()->node() : matrix->node();
    const auto slot = reads_tensor(read) ? slot_of(read) : std::nullopt;
    if (!slot || !all_weights(*slot) ||
        (!transposed && !slot->first->is_parameter(slot->first->getAttributeSlot(slot->second)))) {
      return nullptr;
    }
    Value* weight = transposed ? matrix->node()->input() : graph.insert(c10::aten::t, {matrix});
    return graph.create(c10::aten::linear, {x, weight, graph.insertConstant(c10::IValue())});
  }

  // Whether a slot holds weights in all instances; an empty tensor is what a network without weights has in their place.
  bool all_weights(const Slot& slot) const {
    const auto found = instances_.find(slot.first);
    bool any = false;
    for (size_t i = 0; found != instances_.end() && i < found->second.size(); ++i) {
      const at::Tensor tensor = found->second[i].attr(slot.second).toTensor();
      if (tensor.numel() > 0 && !is_weight(tensor)) {
        return false;
      }
      any = any || tensor.numel() > 0;
    }
    return any;
  }

  // Leaves the slots that are worth it. Returns how many layers are left out.
  int64_t drop_unworthy() {
    int64_t kept = 0;
    for (auto it = slots_.begin(); it != slots_.end();) {
      if (all_weights(it->first)) {
        ++it;
        continue;
      }
      for (const Module& owner : instances_[it->first.first]) {
        kept += owner.attr(it->first.second).toTensor().numel() > 0;
      }
      it = slots_.erase(it);
    }
    return kept;
  }

  using Writer = std::pair<const ClassType*, std::string>;

  // Weights that forward writes are not constant. Other methods that write one cannot stay, nor what calls them.
  void drop_written() {
    std::set<Writer> reached{{module_.type().get(), "forward"}};
    for (bool grown = true; grown;) {
      grown = false;
      for (const Method& method : graphs_) {
        if (reached.contains({method.type, method.name})) {
          for (const Node* call : find_nodes(method.graph->block(), c10::prim::CallMethod)) {
            const auto callee = slot_of(call);
            grown = (callee && reached.insert(*callee).second) || grown;
          }
        }
      }
    }
    for (const Method& method : graphs_) {
      if (reached.contains({method.type, method.name})) {
        for (const Slot& slot : written(*method.graph)) {
          slots_.erase(slot);
        }
      }
    }
    std::set<Writer> writers;
    for (bool grown = true; grown;) {
      grown = false;
      for (const Method& method : graphs_) {
        if (!written(*method.graph).empty() || calls(*method.graph, writers)) {
          grown = writers.emplace(method.type, method.name).second || grown;
        }
      }
    }
    std::erase_if(graphs_, [&](const Method& method) {
      const bool writer = writers.contains({method.type, method.name});
      if (writer) {
        method.type->unsafeRemoveMethod(method.name);
      }
      return writer;
    });
  }

  static bool calls(Graph& graph, const std::set<Writer>& writers) {
    for (const Node* call : find_nodes(graph.block(), c10::prim::CallMethod)) {
      const auto callee = slot_of(call);
      if (callee && writers.contains(*callee)) {
        return true;
      }
    }
    return false;
  }

  // The weights that a graph writes: as attributes, or in place.
  std::vector<Slot> written(Graph& graph) const {
    std::vector<Slot> slots;
    for (const auto kind : {c10::prim::SetAttr, c10::prim::GetAttr}) {
      for (const Node* access : find_nodes(graph.block(), kind)) {
        const auto slot = slot_of(access);
        if (slot && slots_.contains(*slot) && (kind == c10::prim::SetAttr || written_in_place(access->output()))) {
          slots.push_back(*slot);
        }
      }
    }
    return slots;
  }

  // Whether an operator writes into a tensor, or into a view of it.
  static bool written_in_place(const Value* tensor) {
    static const std::set<c10::Symbol> VIEWS{c10::aten::t, c10::aten::transpose, c10::aten::view, c10::aten::slice,
                                             c10::aten::select, c10::aten::detach};
    for (const auto& use : tensor->uses()) {
      const auto* schema = use.user->maybeSchema();
      const bool writes = schema != nullptr && use.offset < schema->arguments().size() &&
                          schema->arguments()[use.offset].alias_info() != nullptr &&
                          schema->arguments()[use.offset].alias_info()->isWrite();
      if (writes || (VIEWS.contains(use.user->kind()) && use.offset == 0 && written_in_place(use.user->output()))) {
        return true;
      }
    }
    return false;
  }

  // After every read of a compressed weight: the expression that makes a float weight of it.
  void widen_reads(Graph& graph) {
    for (Node* read : find_nodes(graph.block(), c10::prim::GetAttr)) {
      const auto slot = reads_tensor(read) ? slot_of(read) : std::nullopt;
      if (!slot || !slots_.contains(*slot)) {
        continue;
      }
      read->output()->setType(c10::TensorType::get());
      for (const auto& use : std::vector(read->output()->uses().begin(), read->output()->uses().end())) {
        const bool through_t = use.user->kind() == c10::aten::t && use.user->output()->uses().size() == 1;
        const auto final_use = through_t ? use.user->output()->uses()[0] : use;
        Node* user = final_use.user;
        const bool by_linear = user->kind() == c10::aten::linear && final_use.offset == 1;
        if (through_t && by_linear) {
          use.user->moveBefore(user);  // x may be made after the transposition
        }
        const WithInsertPoint here(use.user);
        Value* like = by_linear ? user->input(0) : nullptr;
        use.user->replaceInput(use.offset, widened(graph, read, like));
      }
    }
  }

  Value* widened(Graph& graph, Node* read, Value* like) {
    const auto to = [&](Value* value) {
      return like != nullptr ? graph.insert(c10::aten::type_as, {value, like})
                             : graph.insert(c10::aten::to, {value, at::kFloat});
    };
    Value* weight = to(read->output());
    if (format_ != WeightFormat::Int8) {
      return weight;
    }
    Value* scale = graph.insertGetAttr(read->input(), read->s(c10::attr::name) + std::string(SCALE_SUFFIX));
    return graph.insert(c10::aten::mul, {weight, to(scale)});
  }

  // Returns how many elements it had.
  int64_t compress_weight(Module& owner, const std::string& name, bool transposed) {
    const at::Tensor weight = owner.attr(name).toTensor();
    // Modules that shared a weight go on sharing it.
    auto [known, fresh] = done_.try_emplace(weight.unsafeGetTensorImpl(), weight, at::Tensor(), at::Tensor());
    auto& [original, smaller, scale] = known->second;
    if (fresh && format_ != WeightFormat::Int8) {
      smaller = weight.to(format_ == WeightFormat::Bf16 ? at::kBFloat16 : at::kHalf);
    } else if (fresh) {
      const int64_t inputs = transposed ? 0 : 1;  // [N, K], or [K, N]
      const at::Tensor widest = weight.numel() == 0 ? at::ones({1, 1}, weight.options()) : weight.abs().amax(inputs, true).to(at::kFloat);
      scale = (widest / 127.0).clamp_min(1e-30);
      smaller = (weight / scale).round_().clamp_(-127, 127).to(at::kChar);
    }
    if (format_ == WeightFormat::Int8) {
      owner.setattr(name + std::string(SCALE_SUFFIX), scale);
    }
    owner.setattr(name, smaller);
    const int64_t size = fresh ? weight.numel() : 0;
    if (weight.use_count() == 2) {  // here and in done_: nobody else has it
      done_.erase(known);
    }
    return size;
  }

  Module& module_;
  const WeightFormat format_;
  std::map<const ClassType*, std::vector<Module>> instances_;
  std::vector<Method> graphs_;
  std::map<Slot, bool> slots_;  // whether the weight is [K, N]
  std::map<const void*, std::tuple<at::Tensor, at::Tensor, at::Tensor>> done_;
};

}  // namespace

CompressReport compress(Module& module, WeightFormat format, const std::function<void()>& before_weights) {
  return Compressor(module, format).run(before_weights);
}

}  // namespace e2v
