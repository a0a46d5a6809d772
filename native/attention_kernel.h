// The inner loops of attention. attention_kernel.cc is compiled once for each instruction set, which is why neither file may
// include anything that has inline functions: the linker would keep one copy, and it might be the one for the wrong set.
#pragma once

namespace e2v {

// One head's attention of some queries of a clip to all its keys. Row strides are in floats.
struct HeadAttention {
  const float* q;  // [queries, size]
  long q_stride;
  const float* k;  // [keys, size]
  const float* v;  // [keys, size]
  long kv_stride;
  float* out;  // [queries, size]
  long out_stride;
  long queries;
  long keys;
  long size;         // of a head
  long first_query;  // the position of the first query among the clip's rows
  long extra;        // rows at the clip's start to and from which there is no bias
  float slope;       // a score falls by this much for each row between query and key; not negative
  float scale;       // of the product of query and key
};

// Floats of scratch memory that attend_head needs for heads of this size. No more than some hundred kilobytes.
using AttendHeadScratch = long (*)(long size);
// `scratch` must be aligned to 64 bytes.
using AttendHead = void (*)(const HeadAttention& task, float* scratch);

struct AttentionKernel {
  AttendHead attend_head;
  AttendHeadScratch scratch;
};

extern const AttentionKernel attention_kernel_baseline;
extern const AttentionKernel attention_kernel_avx2;
extern const AttentionKernel attention_kernel_avx512;

}  // namespace e2v
