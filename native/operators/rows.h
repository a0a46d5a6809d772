// The form in which row-wise operators read their input.
#pragma once

#include <ATen/ATen.h>

namespace e2v {

// [..., D] as a matrix. The elements of a row are adjacent; rows may overlap or be apart.
inline at::Tensor as_rows(const at::Tensor& x) {
  return x.dim() == 2 && x.stride(1) == 1 ? x : x.reshape({-1, x.size(-1)}).contiguous();
}

}  // namespace e2v
