#include "operators/processor.h"

#include <ATen/Context.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace e2v {
namespace {

// Linux grants the registers of AMX on request, to the process and all its future threads.
bool request_amx() {
  constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

const Kernels& choose() {
  const char* requested = std::getenv("EMOTION2VEC_ISA");
  bool allowed = requested == nullptr;  // true from the requested set on
  const auto fits = [&](const Kernels& set, bool supported) {
    allowed = allowed || std::string_view(requested) == set.name;
    return allowed && supported;
  };
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni");
  if (fits(amx::kernels, avx512 && __builtin_cpu_supports("amx-int8") && __builtin_cpu_supports("amx-bf16")) &&
      request_amx()) {
    return amx::kernels;
  }
  if (fits(avx512::kernels, avx512)) {
    return avx512::kernels;
  }
  if (fits(avx2::kernels, avx2)) {
    return avx2::kernels;
  }
  return baseline::kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

bool has_fast_bf16() {
  // No processor that needs a lesser set than avx512 has bfloat16, but EMOTION2VEC_ISA may have requested such a set.
  return (&kernels() == &amx::kernels || &kernels() == &avx512::kernels) && __builtin_cpu_supports("avx512bf16") &&
         at::globalContext().hasMKLDNN() && at::globalContext().userEnabledMkldnn();
}

bool has_fast_int8() { return kernels().int8_product != nullptr; }

}  // namespace e2v
