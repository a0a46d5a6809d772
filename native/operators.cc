#include "operators.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <optional>
#include <string>

#include "attention.h"

namespace e2v {
namespace {

using torch::jit::Stack;

void attend_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 6);
  torch::jit::push(stack, attend(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toInt(), inputs[3].toIntVector(),
                                 inputs[4].toTensor(), inputs[5].toInt()));
}

// x [..., K], packed weight, bias [N] -> [..., N], through GELU where asked.
void linear_operator(Stack& stack) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  const auto inputs = torch::jit::pop(stack, 4);
  const bool gelu = inputs[3].toBool();
  torch::jit::push(stack, linear.call(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toOptional<at::Tensor>(),
                                      gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(), "none"));
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
                      "(Tensor q, Tensor kv, int first, int[] offsets, Tensor slopes, int extra) -> Tensor",
                      attend_operator);
    register_operator(LINEAR_OPERATOR, "(Tensor x, Tensor weight, Tensor? bias, bool gelu) -> Tensor", linear_operator);
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
