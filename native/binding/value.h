// Conversion between JavaScript and TorchScript values. Both directions copy, so that neither side can change the
// memory of the other during a run. Only for the JavaScript thread.
#pragma once

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <string>

#include "binding/napi_setup.h"

namespace e2v {

// Converts a value to the type that the schema requires: a number becomes an int, a float or a one-element tensor.
// `where` names the argument in the TypeError for a value that does not fit.
c10::IValue to_ivalue(const Napi::Value& value, const c10::TypePtr& type, const std::string& where);

// Converts a value whose tensors are contiguous and on the CPU (LoadedModule::run sees to that). Throws a TypeError for
// values without a JavaScript counterpart (complex tensors, custom classes).
Napi::Value to_js(Napi::Env env, const c10::IValue& value);

}  // namespace e2v
