#include "operators/int8_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "operators/processor.h"
#include "operators/rows.h"

namespace e2v {
namespace {

constexpr int64_t PANEL = 16, GROUP = 4;

int64_t round_up(int64_t size, int64_t to) { return (size + to - 1) / to * to; }

// [N], followed by zeros for the kernel, which computes whole blocks.
at::Tensor padded(const at::Tensor& vector, at::ScalarType dtype) {
  const int64_t size = vector.numel();
  at::Tensor whole = at::zeros({round_up(size, INT8_COLUMNS)}, dtype);
  at::Tensor part = whole.narrow(0, 0, size);
  part.copy_(vector.flatten());
  return part;
}

}  // namespace

Int8Weight pack_int8(const at::Tensor& weight, const at::Tensor& scale) {
  TORCH_CHECK(weight.dim() == 2 && weight.scalar_type() == at::kChar && scale.numel() == weight.size(0),
              "pack_int8: the weight must be an int8 matrix with a scale for each row");
  const int64_t columns = weight.size(0), depth = weight.size(1);
  TORCH_CHECK(depth <= INT8_MAX_DEPTH, "pack_int8: sums of so many products do not fit in 32 bits");
  const int64_t groups = round_up(depth, INT8_DEPTH) / GROUP;
  const at::Tensor rows = weight.contiguous();
  const int8_t* from = rows.const_data_ptr<int8_t>();
  at::Tensor packed = at::empty({round_up(columns, INT8_COLUMNS) / PANEL, groups, PANEL, GROUP}, at::kChar);
  at::Tensor sum = at::zeros({packed.size(0) * PANEL}, at::kInt);
  int8_t* to = packed.mutable_data_ptr<int8_t>();
  int* sums = sum.mutable_data_ptr<int>();
  at::parallel_for(0, packed.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      for (int64_t group = 0; group < groups; ++group) {
        int8_t* line = to + (panel * groups + group) * PANEL * GROUP;
        const int64_t k = group * GROUP, count = std::clamp<int64_t>(depth - k, 0, GROUP);
        for (int64_t lane = 0; lane < PANEL; ++lane, line += GROUP) {
          const int64_t column = panel * PANEL + lane;
          if (count == GROUP && column < columns) {
            std::memcpy(line, from + column * depth + k, GROUP);
          } else {
            std::memset(line, 0, GROUP);
            std::memcpy(line, from + (column < columns ? column * depth + k : 0), column < columns ? count : 0);
          }
          for (int64_t i = 0; i < GROUP; ++i) {
            sums[column] += line[i];
          }
        }
      }
    }
  });
  return {packed, padded(scale, at::kFloat), sum.narrow(0, 0, columns), depth};
}

at::Tensor unpack_int8(const at::Tensor& packed, int64_t columns, int64_t depth) {
  return packed.permute({0, 2, 1, 3})
      .reshape({packed.size(0) * PANEL, packed.size(1) * GROUP})
      .slice(0, 0, columns)
      .slice(1, 0, depth)
      .contiguous();
}

at::Tensor int8_linear(const at::Tensor& x, const Int8Weight& weight, const std::optional<at::Tensor>& bias,
                       bool gelu) {
  TORCH_CHECK(x.dim() > 0, "linear: the input must have a dimension");
  const int64_t columns = weight.scale.size(0), depth = x.size(-1);
  const int64_t padded_depth = weight.packed.size(1) * GROUP;
  TORCH_CHECK(x.is_floating_point(), "linear: an input of ", x.scalar_type(), " is not floating point");
  TORCH_CHECK(depth == weight.depth, "linear: an input of ", depth, " elements does not fit a weight of ", columns,
              " x ", weight.depth);
  if (bias && (bias->dim() != 1 || bias->size(0) != columns)) {
    const at::Tensor y = int8_linear(x, weight, std::nullopt, false) + *bias;
    return gelu ? at::gelu(y) : y;
  }
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16) {
    return int8_linear(x.to(at::kFloat), weight, bias, gelu).to(x.scalar_type());
  }
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = columns;
  at::Tensor out = at::empty(shape, x.options());
  if (out.numel() == 0) {
    return out;
  }
  const at::Tensor rows = as_rows(x);
  const int64_t count = rows.size(0);
  at::Tensor levels = at::empty({round_up(count, INT8_ROWS), padded_depth}, at::kByte);
  at::Tensor row_scale = at::empty({count}, at::kFloat);
  at::Tensor row_zero = at::empty({count}, at::kInt);
  const bool bf16 = x.scalar_type() == at::kBFloat16;
  const size_t element = rows.element_size();

  QuantizeRows quantize{};
  quantize.x_stride = rows.stride(0);
  quantize.out_stride = padded_depth;
  quantize.width = depth;
  quantize.bf16 = bf16;
  at::parallel_for(0, count, 16, [&](int64_t begin, int64_t end) {
    QuantizeRows task = quantize;
    task.x = static_cast<const char*>(rows.const_data_ptr()) + begin * task.x_stride * element;
    task.out = levels.mutable_data_ptr<uint8_t>() + begin * padded_depth;
    task.scale = row_scale.mutable_data_ptr<float>() + begin;
    task.zero = row_zero.mutable_data_ptr<int>() + begin;
    task.rows = end - begin;
    kernels().quantize_rows(task);
  });

  const at::Tensor shift = bias ? padded(*bias, at::kFloat) : padded(at::zeros({columns}), at::kFloat);
  Int8Product product{};
  product.x = levels.const_data_ptr<uint8_t>();
  product.x_scale = row_scale.const_data_ptr<float>();
  product.x_zero = row_zero.const_data_ptr<int>();
  product.weights = reinterpret_cast<const signed char*>(weight.packed.const_data_ptr<int8_t>());
  product.scale = weight.scale.const_data_ptr<float>();
  product.sum = weight.sum.const_data_ptr<int>();
  product.bias = shift.const_data_ptr<float>();
  product.out = out.mutable_data_ptr();
  product.out_stride = columns;
  product.rows = count;
  product.depth = padded_depth;
  product.columns = columns;
  product.gelu = gelu;
  product.bf16 = bf16;
  at::parallel_for(0, round_up(columns, INT8_COLUMNS) / INT8_COLUMNS, 1, [&](int64_t begin, int64_t end) {
    kernels().int8_product(product, begin * INT8_COLUMNS, end * INT8_COLUMNS);
  });
  return out;
}

}  // namespace e2v
