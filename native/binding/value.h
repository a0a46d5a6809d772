// JavaScript values <-> TorchScript values. Both directions copy, so that neither side can change the other's memory
// under a running model. Only for the JavaScript thread.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <string>

#include "binding/napi_setup.h"

namespace e2v {

// What the schema asks for decides what a JavaScript value becomes: a number is an int, a float or a one-element
// tensor. `where` names the argument in the TypeError that is thrown when the value does not fit.
c10::IValue to_ivalue(const Napi::Value& value, const c10::TypePtr& type, const std::string& where);

// A value whose tensors are on the CPU and contiguous (Module::run sees to that). Throws a TypeError for what has no
// JavaScript counterpart (complex and quantised tensors, custom classes).
Napi::Value to_js(Napi::Env env, const c10::IValue& value);

}  // namespace e2v
