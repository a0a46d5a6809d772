// How operators that work row by row see their input.
#pragma once

#include <ATen/ATen.h>

namespace e2v {

// [..., D] as a matrix whose rows' elements lie together; the rows themselves may overlap or lie apart.
inline at::Tensor as_rows(const at::Tensor& x) {
  return x.dim() == 2 && x.stride(1) == 1 ? x : x.reshape({-1, x.size(-1)}).contiguous();
}

}  // namespace e2v
