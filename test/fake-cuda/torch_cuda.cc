// libtorch_cuda.so for machines without a GPU: the device type CUDA, whose memory is that of the host (memory.h) and
// whose kernels are those of the CPU. What it refuses matters as much as what it does: tensors on two devices,
// operators that NVIDIA's library does not have, accesses to device memory from outside, and more memory than there is.
//
// Its settings are environment variables, which it reads when it is opened: FAKE_CUDA_DEVICES, FAKE_CUDA_MEMORY,
// FAKE_CUDA_FREE, FAKE_CUDA_FAIL_AFTER, FAKE_CUDA_RECOVERS_AFTER, FAKE_CUDA_INIT, FAKE_CUDA_DRIVER (described in
// test/support/fake-cuda.ts).

#include <ATen/EmptyTensor.h>
#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/TensorImpl.h>
#include <torch/library.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "device.h"
#include "memory.h"

namespace fake {
namespace {

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device> device, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_generic(size, &Memory::get(), c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const c10::DeviceGuard guard(c10::device_or_default(device));
  return at::detail::empty_strided_generic(size, stride, &Memory::get(), c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                           c10::dtype_or_default(dtype));
}

// Device memory that the host may access while an object exists.
class Opened {
 public:
  explicit Opened(c10::Storage storage) : storage_(std::move(storage)), data_(storage_.mutable_data()) {
    Memory::get().open(data_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() { Memory::get().close(data_); }

  // Returns the same bytes as a storage of the CPU, which a kernel may replace by a larger one.
  static c10::Storage on_host(const c10::Storage& storage) {
    auto opened = std::make_unique<Opened>(storage);
    void* data = opened->data_;
    c10::DataPtr bytes(data, opened.release(), [](void* self) { delete static_cast<Opened*>(self); }, c10::kCPU);
    return c10::make_intrusive<c10::StorageImpl>(c10::StorageImpl::use_byte_size_t(), storage.nbytes(),
                                                 std::move(bytes), c10::GetCPUAllocator(), /*resizable=*/true);
  }

 private:
  c10::Storage storage_;
  void* data_;
};

at::Tensor tensor_like(const at::Tensor& shape, c10::Storage storage, c10::DispatchKey key) {
  at::Tensor tensor =
      at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), shape.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(shape.sizes(), shape.strides(), shape.storage_offset());
  return tensor;
}

const at::Tensor& resize_storage(const at::Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat> format);

// The tensors of one call: those of the device, and those of the CPU over the same memory, which the CPU kernel gets.
class Tensors {
 public:
  at::Tensor host(const at::Tensor& device) {
    if (!device.defined() || !device.is_cuda()) {
      return device;
    }
    c10::Storage storage;
    for (const Pair& pair : pairs_) {
      if (pair.device.is_same(device)) {
        return pair.host;
      }
      if (pair.device.is_alias_of(device)) {
        storage = pair.host.storage();
      }
    }
    if (!storage) {
      storage = Opened::on_host(device.storage());
    }
    pairs_.push_back({device, tensor_like(device, storage, c10::DispatchKey::CPU)});
    return pairs_.back().host;
  }

  // Returns the device tensor for a result of a kernel: one of its arguments, a view of one, or a new tensor.
  at::Tensor device(const at::Tensor& host, const c10::Device& device) {
    if (!host.defined() || !host.is_cpu()) {
      return host;
    }
    for (const Pair& pair : pairs_) {
      if (pair.host.is_same(host)) {
        return pair.device;
      }
      if (pair.host.is_alias_of(host)) {
        return tensor_like(host, pair.device.storage(), c10::DispatchKey::CUDA);
      }
    }
    const at::Tensor dense = host.is_non_overlapping_and_dense() ? host : host.contiguous();
    at::Tensor copy = empty_strided(dense.sizes(), dense.strides(), dense.scalar_type(), at::kStrided, device, false);
    Tensors().host(copy).copy_(dense);
    return copy;
  }

  // Kernels may change the shape of an argument, and move it to other memory.
  void take_shapes() const {
    for (const auto& [device, host] : pairs_) {
      if (host.storage().data() != device.storage().data()) {
        resize_storage(device, host.sizes(), std::nullopt);
        Tensors().host(device).copy_(host);
      } else if (host.sizes() != device.sizes() || host.strides() != device.strides()) {
        device.unsafeGetTensorImpl()->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
      }
    }
  }

 private:
  struct Pair {
    at::Tensor device;
    at::Tensor host;
  };
  std::vector<Pair> pairs_;
};

template <typename Change>
c10::IValue with_tensors(const c10::IValue& value, Change change) {
  if (value.isTensor()) {
    return change(value.toTensor());
  }
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) {
      list.push_back(change(tensor));
    }
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const auto& tensor : value.toOptionalTensorVector()) {
      list.push_back(tensor ? std::optional(change(*tensor)) : std::nullopt);
    }
    return list;
  }
  return value;
}

// NVIDIA's library has only the operators of libtorch, and not those of them that are specific to the CPU.
void check_known(const c10::OperatorHandle& op) {
  const std::string_view name = op.operator_name().name;
  const auto mentions = [&](std::string_view word) { return name.find(word) != std::string_view::npos; };
  TORCH_CHECK_NOT_IMPLEMENTED(
      name.starts_with("aten::") && !mentions("mkldnn") && !mentions("fbgemm") && !mentions("_for_cpu"),
      "Could not run '", op.operator_name(), "' with arguments from the 'CUDA' backend.");
}

// The device on which a call works: that of its first device tensor, or the one that it names.
c10::Device device_of(c10::ArrayRef<c10::IValue> arguments) {
  std::optional<c10::Device> found;
  for (const auto& argument : arguments) {
    with_tensors(argument, [&](const at::Tensor& tensor) {
      if (!found && tensor.defined() && tensor.is_cuda()) {
        found = tensor.device();
      }
      return tensor;
    });
  }
  for (const auto& argument : arguments) {
    if (!found && argument.isDevice() && argument.toDevice().has_index()) {
      found = argument.toDevice();
    }
  }
  return found.value_or(c10::Device(c10::kCUDA, current_device));
}

void run_on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check_known(op);
  const auto& parameters = op.schema().arguments();
  const bool may_index = op.operator_name().name.find("index") != std::string::npos;  // the indices may be on the CPU
  const c10::Device device = device_of(torch::jit::last(*stack, parameters.size()));
  Tensors tensors;
  for (size_t i = 0; i < parameters.size(); ++i) {
    c10::IValue& argument = torch::jit::peek(*stack, i, parameters.size());
    if (argument.isDevice()) {
      argument = c10::Device(c10::kCPU);
      continue;
    }
    const bool anywhere = may_index && argument.isOptionalTensorList();
    argument = with_tensors(argument, [&](const at::Tensor& tensor) {
      TORCH_CHECK(anywhere || !tensor.defined() || tensor.device() == device || (tensor.is_cpu() && tensor.dim() == 0),
                  "Expected all tensors to be on the same device, but got ", parameters[i].name(), " is on ",
                  tensor.device(), ", different from other tensors on ", device,
                  " (when checking argument in method wrapper_CUDA_", op.operator_name(), ")");
      return tensors.host(tensor);
    });
  }
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  tensors.take_shapes();
  for (size_t i = 0; i < op.schema().returns().size(); ++i) {
    c10::IValue& result = torch::jit::peek(*stack, i, op.schema().returns().size());
    result = with_tensors(result, [&](const at::Tensor& tensor) { return tensors.device(tensor, device); });
  }
}

at::Tensor& copy(at::Tensor& self, const at::Tensor& source, bool) {
  Tensors tensors;
  tensors.host(self).copy_(tensors.host(source));
  return self;
}

const at::Tensor& resize_storage(const at::Tensor& self, at::IntArrayRef size, std::optional<at::MemoryFormat> format) {
  const size_t bytes =
      at::detail::computeStorageNbytesContiguous(size, self.itemsize(), static_cast<size_t>(self.storage_offset()));
  c10::StorageImpl* storage = self.storage().unsafeGetStorageImpl();
  if (bytes > storage->nbytes()) {
    const c10::DeviceGuard guard(self.device());
    c10::DataPtr larger = Memory::get().allocate(bytes);
    if (storage->nbytes() > 0) {
      Memory::get().copy_data(larger.get(), storage->data(), storage->nbytes());
    }
    storage->set_data_ptr_noswap(std::move(larger));
    storage->set_nbytes(bytes);
  }
  self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  if (format) {
    self.unsafeGetTensorImpl()->empty_tensor_restride(*format);
  }
  return self;
}

at::Tensor& set_storage(at::Tensor& self, at::Storage source, int64_t offset, at::IntArrayRef size,
                        at::IntArrayRef stride) {
  c10::TensorImpl* impl = self.unsafeGetTensorImpl();
  impl->set_storage_keep_dtype(std::move(source));
  impl->set_sizes_contiguous(size);
  impl->set_storage_offset(offset);
  if (!stride.empty()) {
    impl->set_sizes_and_strides(size, stride);
  }
  return self;
}

at::Tensor& set_tensor(at::Tensor& self, const at::Tensor& source) {
  return set_storage(self, source.storage(), source.storage_offset(), source.sizes(), source.strides());
}

}  // namespace

C10_REGISTER_GUARD_IMPL(CUDA, Guard)

REGISTER_ALLOCATOR(c10::kCUDA, &Memory::get())

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("copy_", copy);
  m.impl("resize_", resize_storage);
  m.impl("set_.source_Storage_storage_offset", set_storage);
  m.impl("set_.source_Tensor", set_tensor);
  // Operators that libtorch_cpu would map to kernels of CUDA, or to other arithmetic than that of the CPU.
  for (const char* name : {"convolution", "native_layer_norm", "native_group_norm", "scaled_dot_product_attention",
                           "softmax.int", "log_softmax.int", "gru.input", "gru.data", "lstm.input", "lstm.data"}) {
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
  }
}

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>()); }

}  // namespace fake

namespace at {
using CUDAHooks = fake::Hooks;  // libtorch_cpu looks up this name in the registry
REGISTER_CUDA_HOOKS(CUDAHooks)
}  // namespace at
