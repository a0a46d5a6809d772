#include "tensors.h"

#include <ATen/ATen.h>

#include <set>
#include <vector>

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
