// What this processor can do, and the kernels that are made for it.
#pragma once

#include "kernels/kernels.h"

namespace e2v {

// The best set that the processor and the system support. The environment variable EMOTION2VEC_ISA (baseline, avx2,
// avx512, amx) asks for a lesser one, so that one machine can test them all.
const Kernels& kernels();

// Whether products of bfloat16 are faster than of float32 here, and known to oneDNN.
bool has_fast_bf16();

// Whether products of bytes are.
bool has_fast_int8();

}  // namespace e2v
