#include "operators/register.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <string>

#include "operators/attention.h"
#include "operators/int8_linear.h"
#include "operators/norm.h"
#include "operators/onednn.h"

namespace e2v {
namespace {

using torch::jit::Stack;

void attend_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 6);
  torch::jit::push(stack, attend(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toInt(), inputs[3].toIntVector(),
                                 inputs[4].toDoubleVector(), inputs[5].toInt()));
}

void linear_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 4);
  torch::jit::push(stack, packed_linear(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toOptional<at::Tensor>(),
                                        inputs[3].toBool()));
}

void convolution_operator(Stack& stack) {
  const auto inputs = torch::jit::pop(stack, 7);
  torch::jit::push(stack,
                   packed_convolution(inputs[0].toTensor(), inputs[1].toTensor(), inputs[2].toOptional<at::Tensor>(),
                                      inputs[3].toIntVector().at(0), inputs[4].toIntVector().at(0),
                                      inputs[5].toIntVector().at(0), inputs[6].toInt()));
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
    register_operator(
        INT8_LINEAR_OPERATOR,
        "(Tensor x, Tensor weight, Tensor scale, Tensor sum, int depth, Tensor? bias, bool gelu) -> Tensor",
        int8_linear_operator);
    register_operator(
        NORM_OPERATOR,
        "(Tensor x, Tensor? residual, int[] shape, Tensor? weight, Tensor? bias, float epsilon, bool gelu)"
        " -> Tensor",
        norm_operator);
    return true;
  }();
  (void)done;
}

}  // namespace e2v
