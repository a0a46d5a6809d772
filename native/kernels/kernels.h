// The inner loops, each compiled once for each instruction set (CMakeLists.txt), which is why nothing in this folder
// may include anything that has inline functions with external linkage: the linker would keep one copy, and it might be
// the one for the wrong set. kernels() chooses at run time.
#pragma once

namespace e2v {

// One head's attention of some queries of a clip to all its keys. Row strides are in elements.
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

// LayerNorm of rows, over their whole width: norm(x + residual) * weight + bias, then GELU where asked.
// x, residual and out are all float, or all bfloat16.
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

// Rows of floats to bytes of their own scale: x is about scale * (byte - zero). A row that holds NaN or infinity has a
// scale that is NaN.
struct QuantizeRows {
  const void* x;  // [rows, width], float or bfloat16
  long x_stride;
  unsigned char* out;  // [rows, out_stride], zero beyond width
  long out_stride;
  float* scale;  // [rows]
  int* zero;     // [rows]
  long rows;
  long width;
  bool bf16;
};

// out = x * weights^T + bias of quantised rows, then GELU where asked. Weights are packed: for 16 columns and 4
// elements of depth after the other, [columns / 16, depth / 4, 16, 4] (../int8_linear.cc packs). Scale, sum and bias
// are there, as the weights are, for a multiple of INT8_COLUMNS.
struct Int8Product {
  const unsigned char* x;  // [rows, depth] as QuantizeRows leaves it; must be readable to a multiple of 32 rows
  const float* x_scale;    // [rows]
  const int* x_zero;       // [rows]
  const signed char* weights;
  const float* scale;  // [columns] of the weights
  const int* sum;      // [columns] of the weights' integers
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
  // Scratch memory is aligned to 64 bytes, and of as many floats as the function beside says: some hundred kilobytes.
  void (*attend_head)(const HeadAttention& task, float* scratch);
  long (*attend_head_scratch)(long size);
  void (*norm_rows)(const NormRows& task, float* scratch);  // width floats, rounded up to a vector
  void (*quantize_rows)(const QuantizeRows& task);
  // Columns from `first` to `last`, both multiples of INT8_COLUMNS. Null where the processor has no fast instructions.
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
