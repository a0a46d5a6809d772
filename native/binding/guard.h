// The wrapper of every function that Node calls: no C++ exception may cross Node-API. An exception becomes a JavaScript
// error with its code. The handler of node-addon-api itself (NODE_ADDON_API_CPP_EXCEPTIONS_ALL) would only see what
// escapes this one, and adds no codes.
#pragma once

#include "binding/environment.h"
#include "binding/napi_setup.h"
#include "runtime/libtorch_error.h"

namespace e2v {

template <typename Call>
Napi::Value guarded(Napi::Env env, Call call) {
  try {
    return call();
  } catch (const Napi::Error&) {  // thrown by JavaScript
    throw;
  } catch (...) {
    throw to_js_error(env, current_error("ERR_MODEL_RUN"));
  }
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return function(info); });
}

}  // namespace e2v
