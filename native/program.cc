#include "program.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <map>
#include <utility>

#include "operators.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::Module;
using torch::jit::Node;
using torch::jit::Value;

namespace {

constexpr const char* ATTEND = "__torch__.attention.attend";  // models/emotion2vec/attention.py
constexpr int64_t WORTH_PACKING = 65536;                      // elements of a weight

// The function or method that a node calls, if any.
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

void replace(Node* node, Node* by) {
  by->insertBefore(node);
  by->output()->copyMetadata(node->output());
  node->output()->replaceAllUsesWith(by->output());
  node->destroy();
}

// Inlines every call below `block`, except that a call of a known function becomes its operator. Returns how many did.
int lower_calls(Block* block) {
  int lowered = 0;
  for (auto it = block->nodes().begin(); it != block->nodes().end();) {
    Node* node = *it++;
    Function* function = callee(node);
    if (function != nullptr && function->qualname().qualifiedName() == ATTEND && node->inputs().size() == 7) {
      replace(node, node->owningGraph()->create(c10::Symbol::fromQualString(ATTEND_OPERATOR), node->inputs().slice(1)));
      ++lowered;
      continue;
    }
    if (auto* graph_function = function == nullptr ? nullptr : torch::jit::tryToGraphFunction(*function)) {
      Node* before = node->prev();
      if (node->kind() == c10::prim::CallFunction) {
        node->removeInput(0);  // the function itself
      }
      torch::jit::inlineCallTo(node, graph_function, /*inline_optimized_graph=*/false);
      // Go on from the first inlined node, for it may call others.
      it = before->iterator();
      ++it;
      continue;
    }
    for (Block* inner : node->blocks()) {
      lowered += lower_calls(inner);
    }
  }
  return lowered;
}

void collect(Block* block, c10::Symbol kind, std::vector<Node*>& found) {
  for (Node* node : block->nodes()) {
    if (node->kind() == kind) {
      found.push_back(node);
    }
    for (Block* inner : node->blocks()) {
      collect(inner, kind, found);
    }
  }
}

// The module that a value is, when it is `self` or a submodule reached from it.
std::optional<Module> resolve(const Value* value, const Value* self, const Module& module) {
  if (value == self) {
    return module;
  }
  const Node* node = value->node();
  if (node->kind() != c10::prim::GetAttr) {
    return std::nullopt;
  }
  auto owner = resolve(node->input(), self, module);
  if (!owner || !value->type()->cast<c10::ClassType>() || !value->type()->expect<c10::ClassType>()->is_module()) {
    return std::nullopt;
  }
  return owner->attr(node->s(c10::attr::name)).toModule();
}

}  // namespace

// Packs the weights that linear layers alone use.
class Packer {
 public:
  Packer(Program& program, Graph& graph) : program_(program), graph_(graph), self_(graph.inputs()[0]) {}

  void run() {
    std::vector<Node*> reads;
    collect(graph_.block(), c10::prim::GetAttr, reads);
    for (Node* read : reads) {
      if (const auto attribute = attribute_of(read)) {
        Attribute& known = attributes_[*attribute];
        known.reads.push_back(read);
        for (const auto& use : read->output()->uses()) {
          known.only_linear = known.only_linear && use.user->kind() == c10::aten::linear && use.offset == 1;
        }
      }
    }
    for (const auto& [key, attribute] : attributes_) {
      if (attribute.only_linear) {
        pack(attribute);
      }
    }
  }

 private:
  using Key = std::pair<const void*, std::string>;  // the object and the attribute's name
  struct Attribute {
    std::vector<Node*> reads;
    bool only_linear = true;
  };

  // Of a weight that is worth packing.
  std::optional<Key> attribute_of(const Node* read) const {
    if (!read->output()->type()->isSubtypeOf(*c10::TensorType::get())) {
      return std::nullopt;
    }
    const auto owner = resolve(read->input(), self_, program_.module_);
    if (!owner) {
      return std::nullopt;
    }
    const at::Tensor weight = owner->attr(read->s(c10::attr::name)).toTensor();
    if (weight.dim() != 2 || weight.scalar_type() != at::kFloat || weight.numel() < WORTH_PACKING) {
      return std::nullopt;
    }
    return Key{owner->_ivalue().get(), read->s(c10::attr::name)};
  }

  void pack(const Attribute& attribute) {
    Module owner = *resolve(attribute.reads[0]->input(), self_, program_.module_);
    const std::string name = attribute.reads[0]->s(c10::attr::name);
    program_.packed_.push_back({owner, name, pack_weight(owner.attr(name).toTensor())});
    owner.setattr(name, at::empty({0}));
    Value* weight = graph_.addInput();
    for (Node* read : attribute.reads) {
      while (!read->output()->uses().empty()) {
        lower(read->output()->uses()[0].user, weight);
      }
      read->destroy();
    }
  }

  // linear, and the GELU that follows it, -> one operator.
  void lower(Node* linear, Value* weight) {
    const auto uses = linear->output()->uses();
    Node* gelu = uses.size() == 1 && uses[0].user->kind() == c10::aten::gelu ? uses[0].user : nullptr;
    if (gelu != nullptr && gelu->owningBlock() != linear->owningBlock()) {
      gelu = nullptr;
    }
    const torch::jit::WithInsertPoint here(linear);
    Value* with_gelu = graph_.insertConstant(gelu != nullptr);
    Node* fused = graph_.create(c10::Symbol::fromQualString(LINEAR_OPERATOR),
                                {linear->input(0), weight, linear->input(2), with_gelu});
    replace(linear, fused);
    if (gelu != nullptr) {
      gelu->output()->replaceAllUsesWith(fused->output());
      gelu->destroy();
    }
  }

  Program& program_;
  Graph& graph_;
  Value* self_;
  std::map<Key, Attribute> attributes_;
};

std::optional<Program> Program::of(const Module& module, const std::string& method) {
  register_operators();
  const auto function = module.find_method(method);
  if (!function) {
    return std::nullopt;
  }
  const std::shared_ptr<Graph> graph = torch::jit::toGraphFunction(function->function()).graph()->copy();
  if (lower_calls(graph->block()) == 0) {
    return std::nullopt;
  }
  Program program(module, function->function().getSchema());
  if (can_pack()) {
    Packer(program, *graph).run();
  }
  program.code_.emplace(graph, method);
  return program;
}

c10::IValue Program::run(std::vector<c10::IValue> inputs) const {
  torch::jit::Stack stack{module_._ivalue()};
  stack.insert(stack.end(), std::make_move_iterator(inputs.begin()), std::make_move_iterator(inputs.end()));
  schema_.checkAndNormalizeInputs(stack);
  for (const Packed& packed : packed_) {
    stack.emplace_back(packed.weight);
  }
  torch::jit::InterpreterState(*code_).run(stack);
  return std::move(stack.back());
}

void Program::give_back() {
  for (Packed& packed : packed_) {
    packed.owner.setattr(packed.attribute, unpack_weight(packed.weight));
    packed.weight.reset();
  }
  packed_.clear();
}

}  // namespace e2v
