// The main addon: its export table and the state that each environment has.

#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/version.h>

#include <memory>

#include "cpus.h"
#include "environment.h"
#include "module_binding.h"
#include "napi_setup.h"

namespace e2v {
namespace {

// cudaDevices(): number; 0 where libtorch's CUDA library is not open or finds no device
Napi::Value CudaDevices(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0);
}

// cancel(id: number): boolean; true when the work whose ticket has that id had not started: its promise rejects
Napi::Value Cancel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int64_t id = info[0].As<Napi::Number>().Int64Value();
  return Napi::Boolean::New(env, id > 0 && Environment::of(env).cancel(env, static_cast<uint64_t>(id)));
}

// close(): waits for the work under way, and starts no more. For the "exit" event of the main thread.
void Close(const Napi::CallbackInfo&) {
  run_queue().close();
  load_queue().close();
  free_queue().close();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<Environment>(env).release());  // Node-API deletes it with the environment
  Environment::of(env).module_constructor = Napi::Persistent(ModuleBinding::define(env));
  exports.Set("load", Napi::Function::New(env, load, "load"));
  exports.Set("cudaDevices", Napi::Function::New(env, CudaDevices, "cudaDevices"));
  exports.Set("cancel", Napi::Function::New(env, Cancel, "cancel"));
  exports.Set("close", Napi::Function::New(env, Close, "close"));
  exports.Set("usableCpus", usable_cpus());
  exports.Set("libtorchVersion", TORCH_VERSION);
  return exports;
}

}  // namespace
}  // namespace e2v

static Napi::Object InitEmotion2vec(Napi::Env env, Napi::Object exports) { return e2v::Init(env, exports); }

NODE_API_MODULE(emotion2vec_torch, InitEmotion2vec)
