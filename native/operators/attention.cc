#include "operators/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <vector>

#include "operators/processor.h"

namespace e2v {
namespace {

// Number of queries of a task: few enough that the heads of one clip keep all threads busy, and enough that gathering
// the keys costs little.
constexpr int64_t QUERIES = 192;

struct Free {
  void operator()(float* memory) const { std::free(memory); }
};

std::unique_ptr<float, Free> allocate(long floats) {
  const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
  std::unique_ptr<float, Free> memory(static_cast<float*>(std::aligned_alloc(64, bytes)));
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

at::Tensor attend(const at::Tensor& q, const at::Tensor& kv, int64_t first, const std::vector<int64_t>& offsets,
                  const std::vector<double>& slopes, int64_t extra) {
  TORCH_CHECK(q.dim() == 2 && kv.dim() == 2, "attend: q and kv must be matrices");
  const int64_t width = q.size(1), heads = static_cast<int64_t>(slopes.size());
  TORCH_CHECK(heads > 0 && width % heads == 0 && kv.size(1) == 2 * width, "attend: shapes do not fit");
  TORCH_CHECK(!offsets.empty() && offsets.front() >= 0 && offsets.back() <= kv.size(0) &&
                  std::is_sorted(offsets.begin(), offsets.end()),
              "attend: offsets must be rows of kv, ascending");
  const at::Tensor queries = q.to(at::kFloat).contiguous();
  const at::Tensor packed = kv.to(at::kFloat).contiguous();
  at::Tensor out = at::empty_like(queries);

  const long size = width / heads;
  std::vector<HeadAttention> tasks;
  for (size_t clip = 0; clip + 1 < offsets.size(); ++clip) {
    const int64_t start = offsets[clip], end = offsets[clip + 1];
    const int64_t last = std::min(end, first + queries.size(0));
    for (int64_t row = std::max(start, first); row < last; row += QUERIES) {
      for (int64_t head = 0; head < heads; ++head) {
        HeadAttention task{};
        task.q = queries.const_data_ptr<float>() + (row - first) * width + head * size;
        task.out = out.mutable_data_ptr<float>() + (row - first) * width + head * size;
        task.q_stride = task.out_stride = width;
        task.k = packed.const_data_ptr<float>() + start * 2 * width + head * size;
        task.v = task.k + width;
        task.kv_stride = 2 * width;
        task.queries = std::min(QUERIES, last - row);
        task.keys = end - start;
        task.size = size;
        task.first_query = row - start;
        task.extra = extra;
        task.slope = static_cast<float>(slopes[head]);
        task.scale = 1.0f / std::sqrt(static_cast<float>(size));
        tasks.push_back(task);
      }
    }
  }
  at::parallel_for(0, static_cast<int64_t>(tasks.size()), 1, [&](int64_t begin, int64_t end) {
    const auto scratch = allocate(kernels().attend_head_scratch(size));
    for (int64_t i = begin; i < end; ++i) {
      kernels().attend_head(tasks[i], scratch.get());
    }
  });
  return out.to(q.scalar_type());
}

}  // namespace e2v
