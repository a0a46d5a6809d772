#include "operators.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <optional>
#include <string>

#include "attention.h"
#include "int8_linear.h"
#include "norm.h"

namespace e2v {
namespace {

using torch::jit::Stack;

void attend_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 6);
  torch::jit::push(stack, attend(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toInt(), inputs[3].toIntVector(),
                                 inputs[4].toDoubleVector(), inputs[5].toInt()));
}

// x [..., K], packed weight float32 or bfloat16, bias [N] -> [..., N] of x's dtype, through GELU where asked.
void linear_operator(Stack& stack) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  const auto inputs = torch::jit::pop(stack, 4);
  const at::Tensor x = inputs[0].toTensor();
  const at::Tensor& weight = inputs[1].toTensor();
  const auto dtype = weight.scalar_type();
  std::optional<at::Tensor> bias = inputs[2].toOptional<at::Tensor>();
  if (bias) {
    bias = bias->to(dtype);
  }
  TORCH_CHECK(x.dim() > 0 && x.is_floating_point() && x.size(-1) == weight.size(1), "linear: an input of shape ", x.sizes(),
              " does not fit a weight of ", weight.size(0), " x ", weight.size(1));
  const bool gelu = inputs[3].toBool();
  if (x.numel() == 0) {
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    torch::jit::push(stack, at::empty(shape, x.options()));
    return;
  }
  const bool fused = !bias || (bias->dim() == 1 && bias->size(0) == weight.size(0));
  const at::Tensor rows = (x.dim() == 1 ? x.unsqueeze(0) : x).to(dtype);
  at::Tensor y = linear.call(rows, weight, fused ? bias : std::nullopt, gelu && fused ? "gelu" : "none",
                             c10::List<std::optional<at::Scalar>>(), "none");
  y = (x.dim() == 1 ? y.squeeze(0) : y).to(x.scalar_type());
  if (!fused) {  // a bias of another shape is what can be added to the result
    y = y + inputs[2].toTensor();
    y = gelu ? at::gelu(y) : y;
  }
  torch::jit::push(stack, y);
}

// x [B, C, T], packed weight, bias [D] -> [B, D, T'] of x's dtype. For oneDNN time is the second of two dimensions.
void convolution_operator(Stack& stack) {
  static const auto convolve =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_convolution_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  const auto inputs = torch::jit::pop(stack, 7);
  const at::Tensor x = inputs[0].toTensor();
  const at::Tensor& weight = inputs[1].toTensor();
  std::optional<at::Tensor> bias = inputs[2].toOptional<at::Tensor>();
  if (bias) {
    bias = bias->to(weight.scalar_type());
  }
  const auto along = [&](int index, int64_t across) {
    return std::vector<int64_t>{across, inputs[index].toIntVector().at(0)};
  };
  const at::Tensor wide = (x.dim() == 2 ? x.unsqueeze(0) : x).to(weight.scalar_type());  // [B, C, T]
  TORCH_CHECK(wide.dim() == 3 && wide.size(1) == weight.size(1) * inputs[6].toInt(), "conv1d: an input of shape ", x.sizes(),
              " does not fit ", inputs[6].toInt(), " groups of ", weight.size(1), " channels");
  at::Tensor y;
  if (x.numel() == 0) {
    y = at::conv1d(wide, unpack_convolution(weight), bias, inputs[3].toIntVector(), inputs[4].toIntVector(),
                   inputs[5].toIntVector(), inputs[6].toInt());
  } else {
    y = convolve
            .call(wide.unsqueeze(2), weight, bias, along(4, 0), along(3, 1), along(5, 1), inputs[6].toInt(), "none",
                  c10::List<std::optional<at::Scalar>>(), "none")
            .squeeze(2);
  }
  torch::jit::push(stack, (x.dim() == 2 ? y.squeeze(0) : y).to(x.scalar_type()));
}

void int8_linear_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 7);
  const Int8Weight weight{inputs[1].toTensor(), inputs[2].toTensor(), inputs[3].toTensor(), inputs[4].toInt()};
  torch::jit::push(stack,
                   int8_linear(inputs[0].toTensor(), weight, inputs[5].toOptional<at::Tensor>(), inputs[6].toBool()));
}

void norm_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 7);
  torch::jit::push(stack, norm(inputs[0].toTensor(), inputs[1].toOptional<at::Tensor>(), inputs[2].toIntVector(),
                               inputs[3].toOptional<at::Tensor>(), inputs[4].toOptional<at::Tensor>(),
                               inputs[5].toDouble(), inputs[6].toBool()));
}

void register_operator(const std::string& name, const std::string& signature, void (*operation)(Stack&)) {
  if (torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name)).empty()) {
    torch::jit::registerOperator(
        torch::jit::Operator(name + signature, operation, c10::AliasAnalysisKind::FROM_SCHEMA));
  }
}

}  // namespace

void register_operators() {
  static const bool done = [] {
    register_operator(ATTEND_OPERATOR,
                      "(Tensor q, Tensor kv, int first, int[] offsets, float[] slopes, int extra) -> Tensor",
                      attend_operator);
    register_operator(LINEAR_OPERATOR, "(Tensor x, Tensor weight, Tensor? bias, bool gelu) -> Tensor", linear_operator);
    register_operator(CONVOLUTION_OPERATOR,
                      "(Tensor x, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, int groups)"
                      " -> Tensor",
                      convolution_operator);
    register_operator(INT8_LINEAR_OPERATOR,
                      "(Tensor x, Tensor weight, Tensor scale, Tensor sum, int depth, Tensor? bias, bool gelu) -> Tensor",
                      int8_linear_operator);
    register_operator(NORM_OPERATOR,
                      "(Tensor x, Tensor? residual, int[] shape, Tensor? weight, Tensor? bias, float epsilon, bool gelu)"
                      " -> Tensor",
                      norm_operator);
    return true;
  }();
  (void)done;
}

bool can_pack() {
  return at::globalContext().hasMKLDNN() && at::globalContext().userEnabledMkldnn() &&
         c10::Dispatcher::singleton().findSchema({"mkldnn::_reorder_linear_weight", ""}).has_value();
}

at::Tensor pack_weight(const at::Tensor& weight) {
  // The number of rows is a hint only: oneDNN chooses the order of the weight by it.
  constexpr int64_t ROWS = 512;
  static const auto reorder = c10::Dispatcher::singleton()
                                  .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                                  .typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>();
  return reorder.call(weight.contiguous(), ROWS);
}

at::Tensor unpack_weight(const at::Tensor& packed) { return packed.to_dense(); }

at::Tensor pack_convolution(const at::Tensor& weight, int64_t groups) {
  // What oneDNN chooses the order by; other sizes, and other padding, run too.
  const int64_t frames = 256, channels = weight.size(1) * groups;
  static const auto reorder =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_reorder_convolution_weight", "")
          .typed<at::Tensor(const at::Tensor&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef, int64_t,
                            at::OptionalIntArrayRef)>();
  return reorder.call(weight.contiguous().unsqueeze(2), {0, weight.size(2) / 2}, {1, 1}, {1, 1}, groups,
                      std::vector<int64_t>{1, channels, 1, frames});
}

at::Tensor unpack_convolution(const at::Tensor& packed) { return packed.to_dense().squeeze(2); }

}  // namespace e2v
