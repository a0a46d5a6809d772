// ALiBi attention over packed clips as one operator. models/emotion2vec/attention.py has the same function in
// TorchScript.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace e2v {

// Attention of some rows to all rows of their own clips, [R, D]. No matrix of rows x rows is ever stored, and keys that
// are so far away that their weight is lost in the rounding of float32 cost nothing.
//   q [R, D]: the queries of the packed rows from `first` on, unscaled
//   kv [S, 2 D]: the keys and values of all packed rows
//   offsets: clip i is rows offsets[i] to offsets[i + 1]
//   slopes: one for each head, not negative
//   extra: see attention.py
// Throws c10::Error if the shapes do not fit.
at::Tensor attend(const at::Tensor& q, const at::Tensor& kv, int64_t first, const std::vector<int64_t>& offsets,
                  const std::vector<double>& slopes, int64_t extra);

}  // namespace e2v
