// The loader is the only addon that can be loaded without libtorch. It opens the libraries of libtorch with global
// visibility, so that the NEEDED entries of the main addon, which contain no path, resolve to them by SONAME.

#include <dlfcn.h>
#include <torch/version.h>  // macros

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/napi_setup.h"
#include "system/cpus.h"
#include "system/cuda_driver.h"
#include "system/memory.h"

namespace {

// Opening libtorch takes a third of a second for relocations and static constructors, which must not happen on the
// JavaScript thread.
class OpenWorker : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, std::vector<std::string> paths)
      : AsyncWorker(env, "emotion2vec.open"), paths_(std::move(paths)), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    for (const auto& path : paths_) {
      // It is never closed, because the static state of libtorch cannot be destroyed and created again in one process.
      if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
        const char* reason = dlerror();
        SetError(reason == nullptr ? "cannot open " + path : reason);  // an empty message would count as success
        return;
      }
    }
  }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::vector<std::string> paths_;
  Napi::Promise::Deferred deferred_;
};

class DriverWorker : public Napi::AsyncWorker {
 public:
  explicit DriverWorker(Napi::Env env)
      : AsyncWorker(env, "emotion2vec.driver"), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override { driver_ = e2v::read_cuda_driver(); }
  void OnOK() override { deferred_.Resolve(describe()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  // The interface CudaDriver of the TypeScript code.
  Napi::Value describe() const {
    Napi::Object result = Napi::Object::New(Env());
    using State = e2v::CudaDriver::State;
    result.Set("state", driver_.state == State::Ready     ? "ready"
                        : driver_.state == State::Missing ? "missing"
                                                          : "failed");
    result.Set("error", driver_.error);
    result.Set("errorCode", driver_.error_code);
    result.Set("version", driver_.version);
    result.Set("release", driver_.release);
    Napi::Array devices = Napi::Array::New(Env(), driver_.devices.size());
    for (uint32_t i = 0; i < driver_.devices.size(); ++i) {
      const e2v::CudaDevice& device = driver_.devices[i];
      Napi::Object entry = Napi::Object::New(Env());
      entry.Set("name", device.name);
      entry.Set("capability", 10 * device.capability_major + device.capability_minor);
      entry.Set("bytesTotal", static_cast<double>(device.bytes_total));
      entry.Set("bytesFree", device.bytes_free ? Napi::Number::New(Env(), static_cast<double>(*device.bytes_free))
                                               : Env().Null().As<Napi::Value>());
      devices.Set(i, entry);
    }
    result.Set("devices", devices);
    return result;
  }

  e2v::CudaDriver driver_;
  Napi::Promise::Deferred deferred_;
};

// oneDNN caches the code that it compiled for each shape, for up to 1024 shapes, which takes hundreds of megabytes if
// clips differ in length. One clip needs about 40 shapes. Variables that the user has set keep their values.
void bound_caches() {
  setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128", /*overwrite=*/0);
  setenv("LRU_CACHE_CAPACITY", "128", /*overwrite=*/0);  // libtorch's own cache of the same objects
}

// Between parallel regions, the threads of libgomp spin for 300,000 rounds, about 10 ms, before they sleep. If another
// process or the JavaScript of this one occupies a processor, the thread that lacks it is awaited by one that could
// yield its own: on two processors with one busy neighbor, a clip took up to a hundred times as long. With 10,000
// rounds it takes five times as long, and without a neighbor nothing is lost (docs/guide/serving.md).
void bound_spinning() {
  if (getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", "10000", /*overwrite=*/0);
  }
}

// open(paths: string[]): Promise<void>; opens the shared libraries in this order. Rejects with the message of the
// dynamic linker.
Napi::Value open_libraries(const Napi::CallbackInfo& info) {
  const Napi::Array array = info[0].As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    paths.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  }
  bound_caches();
  bound_spinning();  // libgomp reads it when it is opened
  auto worker = std::make_unique<OpenWorker>(info.Env(), std::move(paths));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  static_cast<void>(worker.release());  // deletes itself when done
  return promise;
}

// cudaDriver(): Promise<CudaDriver>; what NVIDIA's driver reports, whether or not libtorch is there
Napi::Value cuda_driver(const Napi::CallbackInfo& info) {
  auto worker = std::make_unique<DriverWorker>(info.Env());
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  static_cast<void>(worker.release());  // deletes itself when done
  return promise;
}

// memory(): { availableBytes: number, limitBytes: number | null }; the memory available to this process, and the
// smallest limit of its control groups
Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("availableBytes", static_cast<double>(e2v::available_memory()));
  const auto limit = e2v::memory_limit();
  result.Set("limitBytes", limit ? Napi::Number::New(env, static_cast<double>(*limit)) : env.Null().As<Napi::Value>());
  return result;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open_libraries, "open"));
  exports.Set("cudaDriver", Napi::Function::New(env, cuda_driver, "cudaDriver"));
  exports.Set("memory", Napi::Function::New(env, memory, "memory"));
  exports.Set("usableCpus", e2v::usable_cpus());
  exports.Set("libtorchVersion", TORCH_VERSION);  // the version that the main addon was built for
  return exports;
}

}  // namespace

NODE_API_MODULE(emotion2vec_loader, init)
