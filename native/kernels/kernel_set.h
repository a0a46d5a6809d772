// The functions that the files of one instruction set share. CMakeLists.txt defines SET, the name of the set, and
// LANES, the number of floats in a vector.
#pragma once

#include "kernels/kernels.h"

namespace e2v {
namespace SET {

void attend_head(const HeadAttention& task, float* scratch);
long attend_head_scratch(long size);
void norm_rows(const NormRows& task, float* scratch);
void quantize_rows(const QuantizeRows& task);
void int8_product(const Int8Product& task, long first, long last);

}  // namespace SET
}  // namespace e2v
