#include "module/state.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/function_impl.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "graph/clone.h"
#include "graph/nodes.h"

namespace e2v {
namespace {

bool is_module(const c10::ivalue::Object& object) { return object.type()->is_module(); }

at::Storage copy_storage(const at::Storage& storage, const c10::Device& device) {
  const auto bytes = static_cast<int64_t>(storage.nbytes());
  at::Tensor whole = at::empty({0}, at::TensorOptions(at::kByte).device(device));
  whole.set_(storage, 0, {bytes}, {1});
  return whole.clone().storage();
}

class Copier {
 public:
  explicit Copier(const Written& written) : written_(written) {}

  // Chooses the storages that must be copied. A weight that shares its storage with a copied buffer is copied with it.
  void choose(const c10::IValue& value, bool copied) {
    if (value.isTensor()) {
      const at::Tensor& tensor = value.toTensor();
      if (copied && tensor.defined() && tensor.has_storage()) {
        storages_.try_emplace(tensor.storage().unsafeGetStorageImpl());
      }
      return;
    }
    if (!value.isPtrType() || !seen_.emplace(value.internalToPointer(), copied).second) {
      return;
    }
    if (value.isObject()) {
      const auto& object = value.toObjectRef();
      const auto& slots = object.slots();
      for (size_t i = 0; i < slots.size(); ++i) {
        const bool written = written_.everything || !is_module(object) || slots[i].isList() ||
                             slots[i].isGenericDict() || slots[i].isTuple() || i >= object.type()->numAttributes() ||
                             written_.slots.contains({object.type().get(), object.type()->getAttributeName(i)});
        choose(slots[i], written);
      }
      return;
    }
    for_each_element(value, [&](const c10::IValue& element) { choose(element, copied); });
  }

  c10::IValue copied(const c10::IValue& value) {
    if (value.isTensor()) {
      return copy_tensor(value.toTensor());
    }
    if (!value.isPtrType() || value.isCapsule()) {
      return value;
    }
    const auto known = copies_.find(value.internalToPointer());
    if (known != copies_.end()) {
      return known->second;
    }
    if (value.isObject()) {
      const auto object = value.toObject();
      const auto fresh = c10::ivalue::Object::create(c10::StrongTypePtr(object->compilation_unit(), object->type()),
                                                     object->slots().size());
      copies_.emplace(object.get(), c10::IValue(fresh));  // before its slots, because objects may contain themselves
      for (size_t i = 0; i < object->slots().size(); ++i) {
        fresh->setSlot(i, copied(object->getSlot(i)));
      }
      return fresh;
    }
    if (value.isList()) {
      const auto list = value.toList();
      c10::impl::GenericList fresh(list.elementType());
      copies_.emplace(value.internalToPointer(), c10::IValue(fresh));
      for (const c10::IValue& element : value.toListRef()) {
        fresh.push_back(copied(element));
      }
      return fresh;
    }
    if (value.isGenericDict()) {
      const auto dict = value.toGenericDict();
      c10::impl::GenericDict fresh(dict.keyType(), dict.valueType());
      copies_.emplace(value.internalToPointer(), c10::IValue(fresh));
      for (const auto& entry : dict) {
        fresh.insert(copied(entry.key()), copied(entry.value()));
      }
      return fresh;
    }
    if (value.isTuple()) {
      std::vector<c10::IValue> elements;
      for (const c10::IValue& element : value.toTupleRef().elements()) {
        elements.push_back(copied(element));
      }
      const auto type = value.toTupleRef().type();
      return type->schema() == nullptr ? c10::ivalue::Tuple::create(std::move(elements))
                                       : c10::ivalue::Tuple::createNamed(std::move(elements), type);
    }
    return value;
  }

 private:
  template <typename Visit>
  static void for_each_element(const c10::IValue& value, const Visit& visit) {
    if (value.isList()) {
      for (const c10::IValue& element : value.toListRef()) {
        visit(element);
      }
    } else if (value.isTuple()) {
      for (const c10::IValue& element : value.toTupleRef().elements()) {
        visit(element);
      }
    } else if (value.isGenericDict()) {
      for (const auto& entry : value.toGenericDict()) {
        visit(entry.key());
        visit(entry.value());
      }
    }
  }

  at::Tensor copy_tensor(const at::Tensor& tensor) {
    if (!tensor.defined()) {
      return tensor;
    }
    const auto known = tensors_.find(tensor.unsafeGetTensorImpl());
    if (known != tensors_.end()) {
      return known->second;
    }
    at::Tensor fresh = tensor;
    if (!tensor.has_storage()) {  // sparse layouts and similar
      fresh = tensor.clone();
    } else if (const auto chosen = storages_.find(tensor.storage().unsafeGetStorageImpl()); chosen != storages_.end()) {
      if (!chosen->second) {
        chosen->second = copy_storage(tensor.storage(), tensor.device());
      }
      // Sizes, strides, offset, lazy bits and quantizer stay the same.
      const auto impl = tensor.unsafeGetTensorImpl()->shallow_copy_and_detach(c10::VariableVersion(0), true);
      impl->set_storage_keep_dtype(*chosen->second);
      fresh = at::Tensor(impl);
    }
    tensors_.emplace(tensor.unsafeGetTensorImpl(), fresh);
    return fresh;
  }

  const Written& written_;
  std::set<std::pair<const void*, bool>> seen_;
  std::map<const void*, std::optional<at::Storage>> storages_;
  std::map<const void*, at::Tensor> tensors_;
  std::map<const void*, c10::IValue> copies_;
};

// Returns a module with graphs of its own, whose tensor constants are copies too.
torch::jit::Module with_own_constants(const torch::jit::Module& module) {
  const torch::jit::Module clone = clone_module(module);
  std::map<const void*, at::Tensor> copies;
  for (const torch::jit::Module& part : clone.modules()) {
    for (const torch::jit::Method& method : part.get_methods()) {
      const auto* function = torch::jit::tryToGraphFunction(method.function());
      if (function == nullptr) {
        continue;
      }
      for (torch::jit::Node* constant : find_nodes(function->graph()->block(), c10::prim::Constant)) {
        if (constant->hasAttribute(c10::attr::value) &&
            constant->kindOf(c10::attr::value) == torch::jit::AttributeKind::t) {
          const at::Tensor tensor = constant->t(c10::attr::value);
          const auto [copy, fresh] = copies.try_emplace(tensor.unsafeGetTensorImpl());
          if (fresh) {
            copy->second = tensor.clone();
          }
          constant->t_(c10::attr::value, copy->second);
        }
      }
    }
  }
  return clone;
}

}  // namespace

torch::jit::Module with_own_state(const torch::jit::Module& module, const Written& written) {
  // A clone has other types, so that the slots that are written refer to the original.
  Copier copier(written);
  copier.choose(module._ivalue(), written.everything);
  const torch::jit::Module copied(copier.copied(module._ivalue()).toObject());
  return written.constants || written.everything ? with_own_constants(copied) : copied;
}

}  // namespace e2v
