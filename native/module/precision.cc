#include "module/precision.h"

#include <string>

#include "graph/inlining.h"
#include "module/quantize.h"
#include "module/tensors.h"
#include "operators/processor.h"
#include "system/error.h"
#include "system/memory.h"

namespace e2v {
namespace {

std::string choose(const torch::jit::Module& module, const std::string& stored, bool on_cpu, int64_t available) {
  if (stored != "fp32" || !on_cpu || !is_emotion2vec(module)) {
    return stored;
  }
  if (has_fast_int8() && available < tensor_bytes(module) / 2) {
    return "int8";
  }
  return has_fast_bf16() ? "bf16" : "fp32";
}

WeightFormat format_of(const std::string& precision) {
  return precision == "int8" ? WeightFormat::Int8 : precision == "bf16" ? WeightFormat::Bf16 : WeightFormat::Fp16;
}

CodedError unsupported(const std::string& what) { return {"ERR_PRECISION_UNSUPPORTED", what}; }

}  // namespace

bool is_precision(const std::string& name) {
  return name == "auto" || name == "fp32" || name == "bf16" || name == "fp16" || name == "int8";
}

void require_fast(WeightFormat format) {
  if (format == WeightFormat::Int8 && !has_fast_int8()) {
    throw unsupported("This processor has no AVX2, which int8 needs");
  }
  if (format == WeightFormat::Bf16 && !has_fast_bf16()) {
    throw unsupported("This processor has no instructions for bfloat16");
  }
  if (format == WeightFormat::Fp16) {
    throw unsupported("Precision fp16 is for CUDA; on the CPU bf16 and int8 are smaller than fp32");
  }
}

std::string apply_precision(torch::jit::Module& module, const c10::Device& device, const std::string& precision,
                            int64_t available) {
  const std::string stored = stored_precision(module);
  const bool on_cpu = device.is_cpu();
  const std::string resolved = precision == "auto" ? choose(module, stored, on_cpu, available) : precision;
  if (resolved != stored && stored != "fp32") {
    throw unsupported("The archive holds " + stored + " weights and cannot run in " + resolved);
  }
  const bool requested = precision != "auto" || resolved != stored;  // rather than found in the archive
  if (on_cpu && resolved != "fp32" && requested && !(resolved == "fp16" && stored == "fp16")) {
    require_fast(format_of(resolved));
  }
  if (resolved != stored) {
    quantize_weights(module, format_of(resolved));
  }
  if (!on_cpu) {
    // The module stays plain and uses the kernels of libtorch. int8 weights are converted layer by layer, for which the
    // memory of a device is fast enough.
    if (resolved != "fp32" && is_emotion2vec(module)) {
      narrow_rest(module, resolved == "bf16" ? at::kBFloat16 : at::kHalf);
    }
    return resolved;
  }
  if (resolved == "fp32" || resolved == "fp16") {
    return resolved;
  }
  if (has_fast_bf16() && is_emotion2vec(module)) {
    narrow_rest(module, at::kBFloat16);
  }
  // The module is a plain one, which converts its weights to the dtype of the input: slow but correct.
  const bool fast = resolved == "bf16" ? has_fast_bf16() : has_fast_int8();
  return fast ? resolved : "fp32";
}

}  // namespace e2v
