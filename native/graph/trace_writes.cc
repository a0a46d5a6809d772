#include "graph/trace_writes.h"

#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "graph/nodes.h"

namespace e2v {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

namespace {

bool is_container(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::ListType:
    case c10::TypeKind::DictType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::ClassType:
    case c10::TypeKind::AnyType:
    case c10::TypeKind::UnionType:
      return true;
    case c10::TypeKind::OptionalType:
      return is_container(type->expectRef<c10::OptionalType>().getElementType());
    default:
      return false;
  }
}

// Whether a value can be changed by code that holds it.
bool is_mutable(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
    case c10::TypeKind::FutureType:
      return true;
    case c10::TypeKind::OptionalType:
      return is_mutable(type->expectRef<c10::OptionalType>().getElementType());
    default:
      return is_container(type);
  }
}

// Follows each written value back to its origin: an attribute, a constant, or something that the run itself created.
class WriteTracer {
 public:
  Written run(Graph& graph) {
    graph_ = &graph;
    for_each_node(graph.block(), [&](Node* node) { collect_inserted(node); });
    for_each_node(graph.block(), [&](Node* node) { follow_writes(node); });
    return written_;
  }

 private:
  template <typename Visit>
  static void for_each_node(Block* block, const Visit& visit) {
    for (Node* node : block->nodes()) {
      visit(node);
      for (Block* inner : node->blocks()) {
        for_each_node(inner, visit);
      }
    }
  }

  static bool inserts_elements(const Node* node) {
    const auto kind = node->kind();
    return kind == c10::aten::append || kind == c10::aten::insert || kind == c10::aten::_set_item ||
           kind == c10::Symbol::fromQualString("aten::extend") ||
           kind == c10::Symbol::fromQualString("aten::setdefault") ||
           kind == c10::Symbol::fromQualString("aten::update");
  }

  void collect_inserted(Node* node) {
    if (inserts_elements(node)) {
      const auto inputs = node->inputs();
      inserted_.insert(inserted_.end(), inputs.begin() + 1, inputs.end());
    }
  }

  void follow_writes(Node* node) {
    if (node->kind() == c10::prim::SetAttr) {
      add_slot(node);
      follow(node->input(1), true);  // the value may belong to another attribute as well, and then has two names
      return;
    }
    if (is_norm_in_training(node)) {
      follow(node->input(3), false);
      follow(node->input(4), false);
      return;
    }
    const auto* schema = node->maybeSchema();
    for (size_t i = 0; schema != nullptr && i < std::min(node->inputs().size(), schema->arguments().size()); ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      if (alias == nullptr) {
        continue;
      }
      if (alias->isWrite()) {
        follow(node->input(i), false);
      }
      const auto& within = alias->containedTypes();
      if (std::any_of(within.begin(), within.end(), [](const c10::AliasInfo& inner) { return inner.isWrite(); })) {
        follow(node->input(i), true);
      }
    }
    if (inserts_elements(node) && node->input(0)->node()->kind() != c10::prim::ListConstruct &&
        node->input(0)->node()->kind() != c10::prim::DictConstruct) {
      for (size_t i = 1; i < node->inputs().size(); ++i) {
        follow(node->input(i), true);  // it may stay in a list of the module
      }
    }
  }

  // batch_norm and instance_norm write their statistics without declaring it in their schemas.
  static bool is_norm_in_training(const Node* node) {
    static const std::set<c10::Symbol> NORMS{c10::aten::batch_norm,
                                             c10::aten::instance_norm,
                                             c10::aten::native_batch_norm,
                                             c10::Symbol::fromQualString("aten::cudnn_batch_norm"),
                                             c10::Symbol::fromQualString("aten::miopen_batch_norm"),
                                             c10::Symbol::fromQualString("aten::_batch_norm_impl_index")};
    return NORMS.contains(node->kind()) && node->inputs().size() > 5 &&
           torch::jit::constant_as<bool>(node->input(5)) != false;
  }

  void add_slot(const Node* access) {
    if (const auto slot = slot_of(access)) {
      written_.slots.insert(*slot);
    } else {
      written_.everything = true;
    }
  }

  // Follows a written value to its origin. With `contents`, what the value holds is written, and not (only) the value
  // itself.
  void follow(const Value* value, bool contents) {
    if (!is_mutable(value->type()) || !seen_.emplace(value, contents).second) {
      return;
    }
    const Node* node = value->node();
    const auto kind = node->kind();
    if (kind == c10::prim::Param) {
      follow_parameter(value, contents);
    } else if (kind == c10::prim::GetAttr) {
      const auto type = value->type()->cast<c10::ClassType>();
      if (type != nullptr && type->is_module()) {
        written_.everything = true;
      } else {
        add_slot(node);
        follow_inserted(contents);
      }
    } else if (kind == c10::prim::Constant) {
      written_.constants = true;
    } else if (kind == c10::prim::If) {
      for (const Block* block : node->blocks()) {
        follow(block->outputs()[value->offset()], contents);
      }
    } else if (kind == c10::prim::Loop) {
      follow(node->input(value->offset() + 2), contents);
      follow(node->blocks()[0]->outputs()[value->offset() + 1], contents);
    } else if (kind == c10::prim::ListConstruct || kind == c10::prim::DictConstruct ||
               kind == c10::prim::TupleConstruct || kind == c10::prim::CreateObject) {
      if (contents || kind == c10::prim::TupleConstruct) {
        follow_inputs(node);
        follow_inserted(true);
      }
    } else if (kind == c10::prim::TupleUnpack && node->input()->node()->kind() == c10::prim::TupleConstruct) {
      follow(node->input()->node()->input(value->offset()), contents);
    } else {
      follow_operator(value, contents);
    }
  }

  void follow_parameter(const Value* value, bool contents) {
    const Block* block = value->node()->owningBlock();
    if (block == graph_->block()) {
      written_.everything = written_.everything || value->offset() == 0;  // the other inputs belong to the caller
    } else if (const Node* loop = block->owningNode(); loop->kind() == c10::prim::Loop) {
      follow(loop->input(value->offset() + 1), contents);
      follow(block->outputs()[value->offset()], contents);
    } else {
      written_.everything = true;
    }
  }

  void follow_operator(const Value* value, bool contents) {
    static const std::set<c10::Symbol> ELEMENTS{c10::aten::__getitem__, c10::prim::ListUnpack, c10::prim::TupleUnpack,
                                                c10::prim::TupleIndex, c10::prim::TupleSlice};
    static const std::set<c10::Symbol> CASTS{c10::prim::unchecked_cast, c10::prim::unchecked_unwrap_optional,
                                             c10::Symbol::fromQualString("aten::_unwrap_optional")};
    const Node* node = value->node();
    if (CASTS.contains(node->kind())) {
      follow(node->input(0), contents);
      return;
    }
    if (ELEMENTS.contains(node->kind())) {
      follow(node->input(0), true);
      follow_inserted(true);
      return;
    }
    if (node->kind() == c10::prim::Uninitialized) {
      return;
    }
    const auto* schema = node->maybeSchema();
    if (schema == nullptr || !node->blocks().empty()) {
      written_.everything = true;
      return;
    }
    const auto* alias =
        value->offset() < schema->returns().size() ? schema->returns()[value->offset()].alias_info() : nullptr;
    if (alias == nullptr && !is_container(value->type())) {
      return;  // a new value
    }
    // The value may be a view of an input, something that an input holds, or another container with the same elements.
    const bool elements = contents || is_container(value->type());
    for (const Value* input : node->inputs()) {
      follow(input, elements || is_container(input->type()));
    }
    if (elements || alias != nullptr) {
      follow_inserted(contents);
    }
  }

  void follow_inputs(const Node* node) {
    for (const Value* input : node->inputs()) {
      follow(input, false);
      follow(input, true);
    }
  }

  // If the contents of a container are written, follows everything that was put into any container.
  void follow_inserted(bool contents) {
    if (contents && !followed_inserted_) {
      followed_inserted_ = true;
      for (const Value* element : inserted_) {
        follow(element, false);
        follow(element, true);
      }
    }
  }

  Graph* graph_ = nullptr;
  Written written_;
  std::vector<const Value*> inserted_;
  std::set<std::pair<const Value*, bool>> seen_;
  bool followed_inserted_ = false;
};

}  // namespace

Written trace_writes(Graph& graph) { return WriteTracer().run(graph); }

}  // namespace e2v
