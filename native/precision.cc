#include "precision.h"

#include "compress.h"
#include "error.h"
#include "inlining.h"
#include "memory.h"
#include "processor.h"
#include "tensors.h"

namespace e2v {
namespace {

std::string choose(const torch::jit::Module& module, const std::string& stored, bool on_cpu) {
  if (stored != "fp32" || !on_cpu || !is_emotion2vec(module)) {
    return stored;
  }
  if (has_fast_int8() && available_memory() < tensor_bytes(module) / 2) {
    return "int8";
  }
  return has_fast_bf16() ? "bf16" : "fp32";
}

CodedError unsupported(const std::string& what) { return {"ERR_PRECISION_UNSUPPORTED", what}; }

}  // namespace

void require_fast(WeightFormat format) {
  if (format == WeightFormat::Int8 && !has_fast_int8()) {
    throw unsupported("This processor has no AVX2, which int8 needs");
  }
  if (format == WeightFormat::Bf16 && !has_fast_bf16()) {
    throw unsupported("This processor has no instructions for bfloat16");
  }
}

std::string apply_precision(torch::jit::Module& module, const c10::Device& device, const std::string& precision) {
  const std::string stored = stored_precision(module);
  const std::string wanted = precision == "auto" ? choose(module, stored, device.is_cpu()) : precision;
  if (wanted != stored && stored != "fp32") {
    throw unsupported("The archive holds " + stored + " weights and cannot run in " + wanted);
  }
  if (wanted == "fp16" && stored != "fp16") {
    throw unsupported("Precision fp16 is not available in this version");
  }
  if ((wanted == "int8" || wanted == "bf16") && (precision != "auto" || wanted != stored)) {
    require_fast(wanted == "int8" ? WeightFormat::Int8 : WeightFormat::Bf16);
  }
  if ((wanted == "int8" || wanted == "bf16") && !device.is_cpu()) {
    throw unsupported("Precision " + wanted + " is available on the CPU alone");
  }
  if (wanted != stored) {
    compress(module, wanted == "int8" ? WeightFormat::Int8 : WeightFormat::Bf16);
  }
  if (wanted == "fp32" || wanted == "fp16") {
    return wanted;
  }
  if (has_fast_bf16() && is_emotion2vec(module)) {
    narrow_rest(module);
  }
  // The archive is a plain module, which brings its weights to the input's dtype: slow, and right.
  const bool fast = wanted == "bf16" ? has_fast_bf16() : has_fast_int8();
  return fast ? wanted : "fp32";
}

}  // namespace e2v
