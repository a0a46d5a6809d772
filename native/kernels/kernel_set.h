// What the files of one instruction set call of each other. CMakeLists.txt defines SET, the set's name, and LANES, the
// floats in a vector.
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
