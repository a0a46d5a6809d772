#include "module/linear_layers.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operators/int8_linear.h"

namespace e2v {

using c10::ClassType;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;
using torch::jit::WithInsertPoint;

namespace {

bool is_weight(const at::Tensor& tensor) {
  return tensor.dim() == 2 && tensor.scalar_type() == at::kFloat &&
         std::min(tensor.size(0), tensor.size(1)) >= MIN_LAYER_SIZE &&
         std::max(tensor.size(0), tensor.size(1)) <= INT8_MAX_DEPTH;
}

// Whether a value is the matrix that something is multiplied by.
bool is_operand(const Value* value) {
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

// Whether an operator writes into a tensor, or into a view of it.
bool written_in_place(const Value* tensor) {
  static const std::set<c10::Symbol> VIEWS{c10::aten::t,     c10::aten::transpose, c10::aten::view,
                                           c10::aten::slice, c10::aten::select,    c10::aten::detach};
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

bool calls_any(Graph& graph, const std::set<std::pair<const ClassType*, std::string>>& methods) {
  for (const Node* call : find_nodes(graph.block(), c10::prim::CallMethod)) {
    const auto callee = slot_of(call);
    if (callee && methods.contains(*callee)) {
      return true;
    }
  }
  return false;
}

}  // namespace

LinearLayers::LinearLayers(const Module& module) {
  for (const Module& part : module.modules()) {
    instances_[part.type().get()].push_back(part);
  }
  for (const auto& [type, instances] : instances_) {
    for (torch::jit::Function* method : type->methods()) {
      if (auto* function = torch::jit::tryToGraphFunction(*method)) {
        methods_.push_back({const_cast<ClassType*>(type), method->name(), function->graph()});
      }
    }
  }
  for (Method& method : methods_) {
    lift_constants(method);
    make_products_linear(*method.graph);
    collect_weights(*method.graph);
  }
  drop_unworthy();
  drop_written(module.type().get());
}

// Turns weights that freezing or tracing made constants of the graph into attributes of the object that has the method.
void LinearLayers::lift_constants(Method& method) {
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

// Products with a matrix of the module are linear layers: matmul(x, t(weight)), and matmul(x, weight) if the weight is
// a parameter. A buffer is not learned but given, such as a filter bank, and what it multiplies may have a range that
// eight bits cannot represent. An addition stays an operator of its own, because its operand may have any shape.
void LinearLayers::make_products_linear(Graph& graph) {
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
    const auto is_one = [&](size_t input) {
      const auto value = torch::jit::constant_as<at::Scalar>(product->input(input));
      return value && value->equal(1);
    };
    const WithInsertPoint here(product);
    Node* linear = is_one(3) && is_one(4) ? make_linear(graph, product->input(1), product->input(2)) : nullptr;
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

// The linear layer that is the product of x and a matrix; null if the matrix is no constant weight.
Node* LinearLayers::make_linear(Graph& graph, Value* x, Value* matrix) const {
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

void LinearLayers::collect_weights(Graph& graph) {
  for (const Node* linear : find_nodes(graph.block(), c10::aten::linear)) {
    if (const auto weight = linear_weight(linear)) {
      quantized_before_ = quantized_before_ || weight->widened;
      if (const auto slot = weight->widened ? std::nullopt : slot_of(weight->read)) {
        weights_[*slot] = weight->transposed;
      }
    }
  }
}

// Whether a slot holds a weight in all instances. A network without weights has empty tensors in their place.
bool LinearLayers::all_weights(const Slot& slot) const {
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

// Leaves only the weights that are worth quantizing.
void LinearLayers::drop_unworthy() {
  for (auto it = weights_.begin(); it != weights_.end();) {
    if (all_weights(it->first)) {
      ++it;
      continue;
    }
    for (const Module& owner : owners(it->first)) {
      kept_ += owner.attr(it->first.second).toTensor().numel() > 0;
    }
    it = weights_.erase(it);
  }
}

// A weight that forward writes is not constant. Another method that writes a constant weight is removed, and so are the
// methods that call it.
void LinearLayers::drop_written(const ClassType* type) {
  const std::set<MethodName> reached = reached_from({type, "forward"});
  for (const Method& method : methods_) {
    if (reached.contains({method.type, method.name})) {
      for (const Slot& slot : written(*method.graph)) {
        weights_.erase(slot);
      }
    }
  }
  std::set<MethodName> writers;
  for (bool grown = true; grown;) {
    grown = false;
    for (const Method& method : methods_) {
      if (!written(*method.graph).empty() || calls_any(*method.graph, writers)) {
        grown = writers.emplace(method.type, method.name).second || grown;
      }
    }
  }
  std::erase_if(methods_, [&](const Method& method) {
    const bool writer = writers.contains({method.type, method.name});
    if (writer) {
      method.type->unsafeRemoveMethod(method.name);
    }
    return writer;
  });
}

// The method and all methods that it calls, directly or not.
std::set<LinearLayers::MethodName> LinearLayers::reached_from(const MethodName& method) const {
  std::set<MethodName> reached{method};
  for (bool grown = true; grown;) {
    grown = false;
    for (const Method& caller : methods_) {
      if (reached.contains({caller.type, caller.name})) {
        for (const Node* call : find_nodes(caller.graph->block(), c10::prim::CallMethod)) {
          const auto callee = slot_of(call);
          grown = (callee && reached.insert(*callee).second) || grown;
        }
      }
    }
  }
  return reached;
}

// The weights that a graph sets, or writes in place.
std::vector<Slot> LinearLayers::written(Graph& graph) const {
  std::vector<Slot> slots;
  for (const auto kind : {c10::prim::SetAttr, c10::prim::GetAttr}) {
    for (const Node* access : find_nodes(graph.block(), kind)) {
      const auto slot = slot_of(access);
      if (slot && weights_.contains(*slot) && (kind == c10::prim::SetAttr || written_in_place(access->output()))) {
        slots.push_back(*slot);
      }
    }
  }
  return slots;
}

}  // namespace e2v
