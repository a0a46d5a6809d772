#include "module/tensors.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "archive/damage.h"
#include "graph/nodes.h"

namespace e2v {

using torch::jit::Module;

void each_tensor(const Module& module, const std::function<void(const at::Tensor&)>& visit) {
  std::set<const void*> seen;
  for (const Module& part : module.modules()) {
    for (const auto& [name, value] : part.named_attributes(/*recurse=*/false)) {
      const std::vector<at::Tensor> tensors = value.isTensor()       ? std::vector{value.toTensor()}
                                              : value.isTensorList() ? value.toTensorVector()
                                                                     : std::vector<at::Tensor>();
      for (const at::Tensor& tensor : tensors) {
        if (tensor.defined() && seen.insert(tensor.unsafeGetTensorImpl()).second) {
          visit(tensor);
        }
      }
    }
  }
}

namespace {

bool fits(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.has_storage() || tensor.layout() != at::kStrided) {
    return true;
  }
  const auto negative = [](at::IntArrayRef numbers) {
    return std::any_of(numbers.begin(), numbers.end(), [](int64_t number) { return number < 0; });
  };
  if (negative(tensor.sizes()) || negative(tensor.strides()) || tensor.storage_offset() < 0) {
    return false;
  }
  try {
    return at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.itemsize(),
                                            tensor.storage_offset()) <= tensor.storage().nbytes();
  } catch (const c10::Error&) {  // an overflow
    return false;
  }
}

}  // namespace

void check_bounds(const Module& module, const std::map<uint64_t, size_t>& records) {
  std::set<const void*> seen;
  std::set<const void*> storages;
  std::map<uint64_t, size_t> claimed;
  const auto check = [&](const at::Tensor& tensor) {
    if (!fits(tensor)) {
      throw damaged_archive("a tensor is larger than its data");
    }
    if (tensor.defined() && tensor.has_storage() && tensor.device().is_cpu() &&
        storages.insert(tensor.storage().unsafeGetStorageImpl()).second) {
      ++claimed[tensor.storage().nbytes()];
    }
  };
  c10::IValue(module._ivalue()).visit([&](const c10::IValue& value) {
    if (value.isTensor()) {
      check(value.toTensor());
      return true;
    }
    return value.isPtrType() && !seen.insert(value.internalToPointer()).second;
  });
  bool allocated_by_code = false;
  for (const Module& part : module.modules()) {
    allocated_by_code = allocated_by_code || part.find_method("__setstate__").has_value();
    for (torch::jit::Function* method : part.type()->methods()) {
      const auto* function = torch::jit::tryToGraphFunction(*method);
      for (const auto* constant : function == nullptr ? std::vector<torch::jit::Node*>()
                                                      : find_nodes(function->graph()->block(), c10::prim::Constant)) {
        if (const auto value = torch::jit::toIValue(constant->output()); value && value->isTensor()) {
          check(value->toTensor());
        }
      }
    }
  }
  for (const auto& [bytes, count] : claimed) {
    const auto found = records.find(bytes);
    if (!allocated_by_code && bytes > 0 && count > (found == records.end() ? 0 : found->second)) {
      throw damaged_archive("the data of a tensor is smaller than the archive claims");
    }
  }
}

const char* stored_precision(const Module& module) {
  bool int8 = false, bf16 = false, fp16 = false;
  each_tensor(module, [&](const at::Tensor& tensor) {
    bf16 = bf16 || (tensor.dim() == 2 && tensor.scalar_type() == at::kBFloat16);
    fp16 = fp16 || (tensor.dim() == 2 && tensor.scalar_type() == at::kHalf);
  });
  for (const auto& [name, value] : module.named_attributes()) {
    int8 = int8 || (value.isTensor() && name.ends_with(SCALE_SUFFIX));
  }
  return int8 ? "int8" : bf16 ? "bf16" : fp16 ? "fp16" : "fp32";
}

int64_t tensor_bytes(const Module& module) {
  int64_t bytes = 0;
  each_tensor(module, [&](const at::Tensor& tensor) { bytes += static_cast<int64_t>(tensor.nbytes()); });
  return bytes;
}

void narrow_rest(Module& module, at::ScalarType dtype) {
  const auto narrow = [dtype](const at::Tensor& tensor) {
    return tensor.scalar_type() == at::kFloat ? tensor.to(dtype) : tensor;
  };
  for (Module part : module.modules()) {
    for (const auto& [name, value] : part.named_attributes(/*recurse=*/false)) {
      if (value.isTensor() && !name.ends_with(SCALE_SUFFIX)) {
        part.setattr(name, narrow(value.toTensor()));
      } else if (value.isTensorList()) {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorVector()) {
          list.push_back(narrow(tensor));
        }
        part.setattr(name, list);
      }
    }
  }
}

}  // namespace e2v
