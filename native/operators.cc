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
  const at::Tensor rows = (x.dim() == 1 ? x.unsqueeze(0) : x).to(dtype);
  const at::Tensor y = linear.call(rows, weight, bias, inputs[3].toBool() ? "gelu" : "none",
                                   c10::List<std::optional<at::Scalar>>(), "none");
  torch::jit::push(stack, (x.dim() == 1 ? y.squeeze(0) : y).to(x.scalar_type()));
}

void int8_linear_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 6);
  const Int8Weight weight{inputs[1].toTensor(), inputs[2].toTensor(), inputs[3].toTensor()};
  torch::jit::push(stack,
                   int8_linear(inputs[0].toTensor(), weight, inputs[4].toOptional<at::Tensor>(), inputs[5].toBool()));
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
    register_operator(INT8_LINEAR_OPERATOR,
                      "(Tensor x, Tensor weight, Tensor scale, Tensor sum, Tensor? bias, bool gelu) -> Tensor",
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

}  // namespace e2v
