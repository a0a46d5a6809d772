// ALiBi attention over packed clips as one operator: what models/emotion2vec/attention.py says in TorchScript.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace e2v {

// Attention of some rows to all rows of their own clips, [R, D]. Nothing of the size of rows x rows is ever stored, and
// keys so far away that their weight is lost in float32's rounding cost nothing.
//   q [R, D], queries of the packed rows from `first` on, unscaled; kv [S, 2 D], keys and values of all packed rows;
//   offsets: clip i is rows offsets[i] to offsets[i + 1]; slopes: one a head, not negative; extra: see attention.py.
// Throws c10::Error where shapes do not fit.
at::Tensor attend(const at::Tensor& q, const at::Tensor& kv, int64_t first, const std::vector<int64_t>& offsets,
                  const std::vector<double>& slopes, int64_t extra);

}  // namespace e2v
