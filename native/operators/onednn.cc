#include "operators/onednn.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string_view>
#include <vector>

namespace e2v {

bool can_pack() {
  return at::globalContext().hasMKLDNN() && at::globalContext().userEnabledMkldnn() &&
         c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""}).has_value();
}

at::Tensor pack_linear_weight(const at::Tensor& weight) {
  // The number of rows of x is only a hint by which oneDNN chooses the order of the weight.
  constexpr int64_t ROWS = 512;
  static const auto reorder = c10::Dispatcher::singleton()
                                  .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                                  .typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>();
  return reorder.call(weight.contiguous(), ROWS);
}

at::Tensor unpack_linear_weight(const at::Tensor& packed) { return packed.to_dense(); }

at::Tensor packed_linear(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                         bool gelu) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  TORCH_CHECK(x.dim() > 0 && x.is_floating_point() && x.size(-1) == weight.size(1), "linear: an input of shape ",
              x.sizes(), " does not fit a weight of ", weight.size(0), " x ", weight.size(1));
  if (x.numel() == 0) {
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return at::empty(shape, x.options());
  }
  const auto dtype = weight.scalar_type();
  const bool fused = !bias || (bias->dim() == 1 && bias->size(0) == weight.size(0));
  const at::Tensor rows = (x.dim() == 1 ? x.unsqueeze(0) : x).to(dtype);
  at::Tensor y = linear.call(rows, weight, bias && fused ? std::optional(bias->to(dtype)) : std::nullopt,
                             gelu && fused ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(), "none");
  y = (x.dim() == 1 ? y.squeeze(0) : y).to(x.scalar_type());
  if (!fused) {
    y = y + *bias;
    y = gelu ? at::gelu(y) : y;
  }
  return y;
}

at::Tensor pack_convolution_weight(const at::Tensor& weight, int64_t groups) {
  // oneDNN chooses the order of the weight by these sizes. The packed weight works with other sizes and paddings too.
  const int64_t frames = 256, channels = weight.size(1) * groups;
  static const auto reorder = c10::Dispatcher::singleton()
                                  .findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "")
                                  .typed<at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef,
                                                    at::IntArrayRef, int64_t, at::OptionalIntArrayRef)>();
  return reorder.call(weight.contiguous().unsqueeze(2), {0, weight.size(2) / 2}, {1, 1}, {1, 1}, groups,
                      std::vector<int64_t>{1, channels, 1, frames});
}

at::Tensor unpack_convolution_weight(const at::Tensor& packed) { return packed.to_dense().squeeze(2); }

at::Tensor packed_convolution(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                              int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
  static const auto convolve =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  const std::optional<at::Tensor> shift = bias ? std::optional(bias->to(weight.scalar_type())) : std::nullopt;
  const at::Tensor batch = (x.dim() == 2 ? x.unsqueeze(0) : x).to(weight.scalar_type());  // [B, C, T]
  TORCH_CHECK(batch.dim() == 3 && batch.size(1) == weight.size(1) * groups, "conv1d: an input of shape ", x.sizes(),
              " does not fit ", groups, " groups of ", weight.size(1), " channels");
  at::Tensor y;
  if (x.numel() == 0) {
    y = at::conv1d(batch, unpack_convolution_weight(weight), shift, stride, padding, dilation, groups);
  } else {
    // For oneDNN, time is the second of two dimensions.
    const std::vector<int64_t> paddings{0, padding}, strides{1, stride}, dilations{1, dilation};
    y = convolve
            .call(batch.unsqueeze(2), weight, shift, paddings, strides, dilations, groups, "none",
                  c10::List<std::optional<at::Scalar>>(), "none")
            .squeeze(2);
  }
  return (x.dim() == 2 ? y.squeeze(0) : y).to(x.scalar_type());
}

}  // namespace e2v
