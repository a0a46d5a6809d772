#include "transfer.h"

#include <ATen/ATen.h>

#include <functional>
#include <utility>
#include <vector>

namespace e2v {
namespace {

using Change = std::function<at::Tensor(const at::Tensor&)>;

// The value with `change` made to all tensors in it, in containers of the same types.
c10::IValue change_tensors(const c10::IValue& value, const Change& change) {
  if (value.isTensor()) {
    return change(value.toTensor());
  }
  if (value.isTuple()) {
    std::vector<c10::IValue> elements;
    for (const auto& element : value.toTupleRef().elements()) {
      elements.push_back(change_tensors(element, change));
    }
    return c10::ivalue::Tuple::create(std::move(elements));
  }
  if (value.isList()) {
    c10::impl::GenericList list(value.toList().elementType());
    for (const auto& element : value.toListRef()) {
      list.push_back(change_tensors(element, change));
    }
    return list;
  }
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    c10::impl::GenericDict changed(dict.keyType(), dict.valueType());
    for (const auto& entry : dict) {
      changed.insert(entry.key(), change_tensors(entry.value(), change));
    }
    return changed;
  }
  return value;
}

}  // namespace

c10::IValue to_host(const c10::IValue& value) {
  return change_tensors(value, [](const at::Tensor& tensor) { return tensor.to(at::kCPU).contiguous(); });
}

c10::IValue to_device(const c10::IValue& value, const c10::Device& device) {
  if (device.is_cpu()) {
    return value;  // where inputs are made
  }
  return change_tensors(value, [&](const at::Tensor& tensor) { return tensor.to(device); });
}

}  // namespace e2v
