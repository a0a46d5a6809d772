// All tensors of a module: their types, their sizes, and their conversion to another dtype.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

namespace e2v {

// The suffix of the attribute that holds the scale of an int8 weight, which stays float32.
constexpr std::string_view SCALE_SUFFIX = "__scale";

// Calls `visit` once for each tensor that a module holds, whatever number of names the tensor has.
void each_tensor(const torch::jit::Module& module, const std::function<void(const at::Tensor&)>& visit);

// Throws CodedError ERR_MODEL_LOAD if a tensor that the module holds anywhere reaches beyond its memory: libtorch
// trusts the sizes in an archive, and would read and write there. `records` is the number of records of the archive of
// each size in bytes: memory on the CPU comes from a record of exactly its size, unless code of the module allocated it
// while it was loaded.
void check_bounds(const torch::jit::Module& module, const std::map<uint64_t, size_t>& records);

// The format in which the linear layers of a module are stored: "fp32", "bf16", "fp16" or "int8".
const char* stored_precision(const torch::jit::Module& module);

// Number of bytes of all tensors that a module holds, each counted once.
int64_t tensor_bytes(const torch::jit::Module& module);

// Converts all other float32 parameters and buffers to `dtype`, for networks that compute in the dtype of their
// parameters.
void narrow_rest(torch::jit::Module& module, at::ScalarType dtype);

}  // namespace e2v
