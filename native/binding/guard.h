// What every function that Node calls is wrapped in: no C++ exception may cross Node-API. What is thrown arrives in
// JavaScript with its code; node-addon-api's own net (NODE_ADDON_API_CPP_EXCEPTIONS_ALL) is below it, and knows no
// codes.
#pragma once

#include "binding/environment.h"
#include "binding/napi_setup.h"
#include "runtime/libtorch_error.h"

namespace e2v {

template <typename Call>
Napi::Value guarded(Napi::Env env, Call call) {
  try {
    return call();
  } catch (const Napi::Error&) {  // JavaScript's own
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
