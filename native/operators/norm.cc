#include "operators/norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <vector>

#include "operators/processor.h"
#include "operators/rows.h"

namespace e2v {
namespace {

// Returns [D] in float32, or undefined.
at::Tensor affine(const std::optional<at::Tensor>& vector) {
  return vector && vector->defined() ? vector->to(at::kFloat).contiguous() : at::Tensor();
}

// Whether a vector is [width] or absent.
bool fits(const std::optional<at::Tensor>& vector, int64_t width) {
  return !vector || !vector->defined() || (vector->dim() == 1 && vector->size(0) == width);
}

}  // namespace

at::Tensor norm(const at::Tensor& x, const std::optional<at::Tensor>& residual, const std::vector<int64_t>& shape,
                const std::optional<at::Tensor>& weight, const std::optional<at::Tensor>& bias, double epsilon,
                bool gelu) {
  const auto dtype = x.scalar_type();
  const bool plain = x.dim() == 0 || x.numel() == 0 || shape.size() != 1 || x.size(-1) != shape[0] ||
                     (dtype != at::kFloat && dtype != at::kBFloat16) || !fits(weight, x.size(-1)) ||
                     !fits(bias, x.size(-1)) ||
                     (residual && (residual->scalar_type() != dtype || residual->sizes() != x.sizes()));
  if (plain) {
    const at::Tensor sum = residual ? x + *residual : x;
    const at::Tensor y = at::layer_norm(sum, shape, weight, bias, epsilon);
    return gelu ? at::gelu(y) : y;
  }
  const at::Tensor rows = as_rows(x);
  const at::Tensor added = residual ? as_rows(*residual) : at::Tensor();
  const at::Tensor scale = affine(weight), shift = affine(bias);
  at::Tensor out = at::empty(x.sizes(), x.options().memory_format(at::MemoryFormat::Contiguous));
  const size_t element = x.element_size();
  NormRows norm{};
  norm.x_stride = rows.stride(0);
  norm.residual_stride = residual ? added.stride(0) : 0;
  norm.weight = scale.defined() ? scale.const_data_ptr<float>() : nullptr;
  norm.bias = shift.defined() ? shift.const_data_ptr<float>() : nullptr;
  norm.out_stride = norm.width = shape[0];
  norm.epsilon = static_cast<float>(epsilon);
  norm.gelu = gelu;
  norm.bf16 = dtype == at::kBFloat16;
  at::parallel_for(0, rows.size(0), 16, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(norm.width + 16);
    NormRows task = norm;
    task.x = static_cast<const char*>(rows.const_data_ptr()) + begin * task.x_stride * element;
    task.residual =
        residual ? static_cast<const char*>(added.const_data_ptr()) + begin * task.residual_stride * element : nullptr;
    task.out = static_cast<char*>(out.mutable_data_ptr()) + begin * task.out_stride * element;
    task.rows = end - begin;
    kernels().norm_rows(task, scratch.data());
  });
  return out;
}

}  // namespace e2v
