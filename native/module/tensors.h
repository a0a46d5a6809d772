// All tensors of a module: what they are, how large, and in another dtype.
#pragma once

#include <torch/script.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

namespace e2v {

// Of the attribute beside an int8 weight that holds its scale, which stays float32.
constexpr std::string_view SCALE_SUFFIX = "__scale";

// Once for each tensor that a module holds, whichever names it has.
void each_tensor(const torch::jit::Module& module, const std::function<void(const at::Tensor&)>& visit);

// Throws CodedError ERR_MODEL_LOAD where a tensor of the module, wherever it is held, reaches beyond its memory:
// libtorch takes the sizes that an archive claims, and would read and write there. `records` says how many records the
// archive has of each size in bytes: memory on the CPU comes from a record that is just as large, unless code of the
// module made it while it was loaded.
void check_bounds(const torch::jit::Module& module, const std::map<uint64_t, size_t>& records);

// What a module's linear layers are stored in: "fp32", "bf16", "fp16" or "int8".
const char* stored_precision(const torch::jit::Module& module);

// Bytes of all tensors that a module holds, each once.
int64_t tensor_bytes(const torch::jit::Module& module);

// Brings all other float32 parameters and buffers to `dtype`, for networks that carry their parameters' dtype through.
void narrow_rest(torch::jit::Module& module, at::ScalarType dtype);

}  // namespace e2v
