#include "module/transfer.h"

#include <ATen/ATen.h>
#include <c10/util/StringUtil.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "system/error.h"

namespace e2v {
namespace {

constexpr int MAX_DEPTH = 100;  // of containers in containers; recursion uses the stack
constexpr int64_t MAX_VALUES =
    10'000'000;  // in containers; a value in a list takes fifty times the memory of one in a tensor

// Applies a function to all tensors in a value. Containers keep their types.
class Changed {
 public:
  explicit Changed(std::function<at::Tensor(const at::Tensor&)> change) : change_(std::move(change)) {}

  c10::IValue of(const c10::IValue& value, int depth = 0) {
    if (value.isTensor()) {
      return change_(value.toTensor());
    }
    const bool container = value.isTuple() || value.isList() || value.isGenericDict();
    if (container && depth == MAX_DEPTH) {
      throw CodedError(MISUSE, "A value contains lists, tuples or dicts more than " + std::to_string(MAX_DEPTH) +
                                   " levels deep, or contains itself; change its structure in the model");
    }
    if (value.isTuple()) {
      const auto& elements = value.toTupleRef().elements();
      count(elements.size());
      std::vector<c10::IValue> changed;
      for (const auto& element : elements) {
        changed.push_back(of(element, depth + 1));
      }
      const auto type = value.toTupleRef().type();
      return type->schema() == nullptr ? c10::ivalue::Tuple::create(std::move(changed))
                                       : c10::ivalue::Tuple::createNamed(std::move(changed), type);
    }
    if (value.isList()) {
      const auto elements = value.toListRef();
      count(elements.size());
      c10::impl::GenericList list(value.toList().elementType());
      list.reserve(elements.size());
      for (const auto& element : elements) {
        list.push_back(of(element, depth + 1));
      }
      return list;
    }
    if (value.isGenericDict()) {
      const auto dict = value.toGenericDict();
      count(dict.size());
      c10::impl::GenericDict changed(dict.keyType(), dict.valueType());
      for (const auto& entry : dict) {
        changed.insert(of(entry.key(), depth + 1), of(entry.value(), depth + 1));
      }
      return changed;
    }
    return value;
  }

 private:
  void count(size_t values) {
    values_ += static_cast<int64_t>(values);
    if (values_ > MAX_VALUES) {
      throw CodedError(MISUSE, "A value contains more than " + std::to_string(MAX_VALUES) +
                                   " values in lists, tuples and dicts; use a tensor");
    }
  }

  std::function<at::Tensor(const at::Tensor&)> change_;
  int64_t values_ = 0;
};

CodedError unfit(const std::string& what) {
  return {MISUSE,
          "The result contains a tensor " + what + ", which has no typed array in JavaScript; convert it in the model"};
}

// to_dense() would write to indices outside of the tensor.
void check_indices(const at::Tensor& tensor) {
  if (tensor.layout() == at::kSparse) {
    at::_validate_sparse_coo_tensor_args(tensor._indices(), tensor._values(), tensor.sizes(), tensor.is_coalesced());
  } else if (tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseBsr) {
    at::_validate_sparse_compressed_tensor_args(tensor.crow_indices(), tensor.col_indices(), tensor.values(),
                                                tensor.sizes(), tensor.layout());
  } else if (tensor.layout() == at::kSparseCsc || tensor.layout() == at::kSparseBsc) {
    at::_validate_sparse_compressed_tensor_args(tensor.ccol_indices(), tensor.row_indices(), tensor.values(),
                                                tensor.sizes(), tensor.layout());
  }
}

at::Tensor host_tensor(const at::Tensor& tensor, bool own) {
  if (!tensor.defined()) {
    return tensor;
  }
  if (tensor.is_meta()) {
    throw unfit("on the meta device");
  }
  if (tensor.is_nested()) {
    throw unfit("of nested layout");
  }
  if (tensor.is_quantized()) {
    throw unfit("of dtype " + std::string(c10::toString(tensor.scalar_type())));
  }
  if (tensor._is_zerotensor()) {  // represents zeros without memory
    return at::zeros(tensor.sizes(), at::TensorOptions(tensor.scalar_type()));
  }
  at::Tensor plain = tensor;
  if (tensor.layout() != at::kStrided) {
    check_indices(tensor);
    plain = tensor.to_dense();
  }
  plain = plain.resolve_conj().resolve_neg().to(at::kCPU).contiguous();
  if (!plain.has_storage() || plain.layout() != at::kStrided) {
    throw unfit("of layout " + c10::str(tensor.layout()));
  }
  return own && tensor.has_storage() && plain.is_alias_of(tensor) ? plain.clone() : plain;
}

}  // namespace

c10::IValue to_host(const c10::IValue& value, bool own) {
  return Changed([own](const at::Tensor& tensor) { return host_tensor(tensor, own); }).of(value);
}

c10::IValue to_device(const c10::IValue& value, const c10::Device& device) {
  if (device.is_cpu()) {
    return value;  // inputs are created on the CPU
  }
  return Changed([&](const at::Tensor& tensor) { return tensor.to(device); }).of(value);
}

}  // namespace e2v
