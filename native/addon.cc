// The main addon: its export table and the state that each environment has.

#include <ATen/detail/CUDAHooksInterface.h>

#include <memory>

#include "cpus.h"
#include "cuda_hooks.h"
#include "device_memory.h"
#include "ending.h"
#include "environment.h"
#include "error.h"
#include "guard.h"
#include "module_binding.h"
#include "napi_setup.h"

namespace e2v {
namespace {

// cudaDevices(): number; 0 where libtorch's CUDA library is not open or finds no device
Napi::Value CudaDevices(const Napi::CallbackInfo& info) {
  adopt_cuda_hooks();
  at::globalContext().setAllowTF32CuDNN(false);  // which convolutions would use in place of fp32, unlike matrix products
  return Napi::Number::New(info.Env(), at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0);
}

// deviceMemory(device: string): { freeBytes, totalBytes, allocatedBytes, reservedBytes, peakBytes }; zeros for the CPU
Napi::Value MemoryOfDevice(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto memory = [&] {
    const std::string name = info[0].As<Napi::String>().Utf8Value();
    try {
      return device_memory(c10::Device(name));
    } catch (...) {
      throw current_error("ERR_DEVICE_UNAVAILABLE");
    }
  }();
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("freeBytes", static_cast<double>(memory.free));
  answer.Set("totalBytes", static_cast<double>(memory.total));
  answer.Set("allocatedBytes", static_cast<double>(memory.allocated));
  answer.Set("reservedBytes", static_cast<double>(memory.reserved));
  answer.Set("peakBytes", static_cast<double>(memory.peak));
  return answer;
}

// cancel(id: number): boolean; true when the work whose ticket has that id had not started: its promise rejects
Napi::Value Cancel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t id = info[0].As<Napi::Number>().Int64Value();
  return Napi::Boolean::New(env, id > 0 && Environment::of(env).cancel(env, static_cast<uint64_t>(id)));
}

// close(): waits for the work under way, as long as ending.h says, and starts no more. For the "exit" event of the main thread.
Napi::Value Close(const Napi::CallbackInfo& info) {
  close_queues();
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  defer_cuda_hooks();
  env.SetInstanceData(std::make_unique<Environment>(env).release());  // Node-API deletes it with the environment
  Environment::of(env).module_constructor = Napi::Persistent(ModuleBinding::define(env));
  exports.Set("load", Napi::Function::New<guarded<load>>(env, "load"));
  exports.Set("cudaDevices", Napi::Function::New<guarded<CudaDevices>>(env, "cudaDevices"));
  exports.Set("deviceMemory", Napi::Function::New<guarded<MemoryOfDevice>>(env, "deviceMemory"));
  exports.Set("cancel", Napi::Function::New<guarded<Cancel>>(env, "cancel"));
  exports.Set("close", Napi::Function::New<guarded<Close>>(env, "close"));
  exports.Set("usableCpus", usable_cpus());
  return exports;
}

}  // namespace
}  // namespace e2v

static Napi::Object InitEmotion2vec(Napi::Env env, Napi::Object exports) { return e2v::Init(env, exports); }

NODE_API_MODULE(emotion2vec_torch, InitEmotion2vec)
