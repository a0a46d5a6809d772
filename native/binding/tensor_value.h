// Tensors on the JavaScript side: { dtype, shape, data } with a typed array. Only for the JavaScript thread.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "binding/napi_setup.h"

namespace e2v {

bool is_tensor_object(const Napi::Value& value);

// Throws a TypeError that begins with `where` when dtype, shape and data do not belong together.
at::Tensor to_tensor(const Napi::Object& object, const std::string& where);

// A CPU tensor, contiguous. Throws a TypeError for a dtype that has no typed array.
Napi::Value tensor_to_js(Napi::Env env, const at::Tensor& tensor);

}  // namespace e2v
