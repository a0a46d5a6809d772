// The features of this processor, and the kernels for it.
#pragma once

#include "kernels/kernels.h"

namespace e2v {

// Returns the best set that the processor and the system support. The environment variable EMOTION2VEC_ISA (baseline,
// avx2, avx512, amx) requests a lesser one, so that all sets can be tested on one machine.
const Kernels& kernels();

// Whether products of bfloat16 are faster than those of float32, and oneDNN supports them.
bool has_fast_bf16();

// Whether products of bytes are fast.
bool has_fast_int8();

}  // namespace e2v
