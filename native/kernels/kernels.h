// The inner loops, each compiled once for each instruction set (CMakeLists.txt). Nothing in this folder may therefore
// include a header that has inline functions with external linkage: the linker would keep one copy, which might be the
// one for the wrong set. kernels() of operators/processor.h chooses a set at run time.
#pragma once

namespace e2v {

// Attention of one head, from some queries of a clip to all its keys. Row strides are in elements.
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
  long first_query;  // position of the first query among the rows of the clip
  long extra;        // number of rows at the start of the clip to and from which there is no bias
  float slope;       // decrease of a score for each row between query and key; not negative
  float scale;       // factor of the product of query and key
};

// LayerNorm of rows over their whole width: norm(x + residual) * weight + bias, followed by GELU if `gelu` is set. x,
// residual and out are all float or all bfloat16.
struct NormRows {
  const void* x;  // [rows, width]
  long x_stride;
  const void* residual;  // [rows, width], or null
  long residual_stride;
  const float* weight;  // [width], or null for 1
  const float* bias;    // [width], or null for 0
  void* out;            // [rows, width]; may be x or residual
  long out_stride;
  long rows;
  long width;
  float epsilon;
  bool gelu;
  bool bf16;
};

// Quantizes rows of floats to bytes with a scale for each row: x is approximately scale * (byte - zero). The scale of a
// row that holds NaN or infinity is NaN.
struct QuantizeRows {
  const void* x;  // [rows, width], float or bfloat16
  long x_stride;
  unsigned char* out;  // [rows, out_stride]; zero beyond width
  long out_stride;
  float* scale;  // [rows]
  int* zero;     // [rows]
  long rows;
  long width;
  bool bf16;
};

// out = x * weights^T + bias for quantized rows, followed by GELU if `gelu` is set. The weights are packed by 16
// columns and 4 elements of depth, [columns / 16, depth / 4, 16, 4]; operators/int8_linear.cc packs them. Scale, sum
// and bias, like the weights, exist for a multiple of INT8_COLUMNS.
struct Int8Product {
  const unsigned char* x;  // [rows, depth] as QuantizeRows writes it; must be readable up to a multiple of 32 rows
  const float* x_scale;    // [rows]
  const int* x_zero;       // [rows]
  const signed char* weights;
  const float* scale;  // [columns], of the weights
  const int* sum;      // [columns], sums of the integer weights
  const float* bias;   // [columns]
  void* out;           // [rows, out_stride], float or bfloat16
  long out_stride;
  long rows;
  long depth;    // a multiple of INT8_DEPTH
  long columns;  // of the result
  bool gelu;
  bool bf16;
};
constexpr long INT8_DEPTH = 64;
constexpr long INT8_COLUMNS = 32;
constexpr long INT8_ROWS = 32;

struct Kernels {
  const char* name;
  // Scratch memory is aligned to 64 bytes. attend_head_scratch() returns the number of floats that attend_head() needs,
  // which take a few hundred kilobytes.
  void (*attend_head)(const HeadAttention& task, float* scratch);
  long (*attend_head_scratch)(long size);
  void (*norm_rows)(const NormRows& task, float* scratch);  // scratch: width floats, rounded up to a vector
  void (*quantize_rows)(const QuantizeRows& task);
  // Computes columns `first` to `last`, both multiples of INT8_COLUMNS. Null if the processor has no fast instructions
  // for it.
  void (*int8_product)(const Int8Product& task, long first, long last);
};

namespace baseline {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
namespace amx {
extern const Kernels kernels;
}

}  // namespace e2v
