// The main addon: its export table, and the state that each environment has.

#include <ATen/detail/CUDAHooksInterface.h>

#include <memory>
#include <string>

#include "binding/environment.h"
#include "binding/guard.h"
#include "binding/module_binding.h"
#include "binding/napi_setup.h"
#include "runtime/cuda_hooks.h"
#include "runtime/device_memory.h"
#include "runtime/libtorch_error.h"
#include "system/cpus.h"
#include "system/shutdown.h"

namespace e2v {
namespace {

// initializeCuda(): number; makes libtorch use its CUDA library, which must be open, without TF32 in convolutions.
// Returns the number of devices: 0 if the library is not open or finds none. Further calls only count the devices
// again.
Napi::Value initialize_cuda(const Napi::CallbackInfo& info) {
  adopt_cuda_hooks();
  // Unlike matrix products, convolutions would use TF32 in place of float32 by default.
  at::globalContext().setAllowTF32CuDNN(false);
  return Napi::Number::New(info.Env(), at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0);
}

// deviceMemory(device: string): { freeBytes, totalBytes, allocatedBytes, reservedBytes, peakBytes }; zeros for the CPU
Napi::Value memory_of_device(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto memory = [&] {
    const std::string name = info[0].As<Napi::String>().Utf8Value();
    try {
      return device_memory(c10::Device(name));
    } catch (...) {
      throw current_error("ERR_DEVICE_UNAVAILABLE");
    }
  }();
  Napi::Object result = Napi::Object::New(env);
  result.Set("freeBytes", static_cast<double>(memory.free));
  result.Set("totalBytes", static_cast<double>(memory.total));
  result.Set("allocatedBytes", static_cast<double>(memory.allocated));
  result.Set("reservedBytes", static_cast<double>(memory.reserved));
  result.Set("peakBytes", static_cast<double>(memory.peak));
  return result;
}

// cancel(id: number): boolean; cancels the call whose ticket has that id: its promise rejects. Returns whether its work
// had not started.
Napi::Value cancel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t id = info[0].As<Napi::Number>().Int64Value();
  return Napi::Boolean::New(env, id > 0 && Environment::of(env).cancel(env, static_cast<uint64_t>(id)));
}

// close(): void; waits for the work that is running, with the limit that shutdown.h describes, and starts no more work.
// Call it in the "exit" event of the main thread.
Napi::Value close(const Napi::CallbackInfo& info) {
  close_queues();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  defer_cuda_hooks();
  env.SetInstanceData(std::make_unique<Environment>(env).release());  // Node-API deletes it with the environment
  Environment::of(env).module_constructor = Napi::Persistent(ModuleBinding::define(env));
  exports.Set("load", Napi::Function::New<guarded<load>>(env, "load"));
  exports.Set("initializeCuda", Napi::Function::New<guarded<initialize_cuda>>(env, "initializeCuda"));
  exports.Set("deviceMemory", Napi::Function::New<guarded<memory_of_device>>(env, "deviceMemory"));
  exports.Set("cancel", Napi::Function::New<guarded<cancel>>(env, "cancel"));
  exports.Set("close", Napi::Function::New<guarded<close>>(env, "close"));
  exports.Set("usableCpus", usable_cpus());
  return exports;
}

}  // namespace
}  // namespace e2v

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return e2v::init(env, exports); }

NODE_API_MODULE(emotion2vec_torch, init_addon)
