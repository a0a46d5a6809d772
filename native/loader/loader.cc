// The loader: the only addon that is loaded when libtorch may be absent. It opens libtorch's libraries with global
// visibility, so that the main addon's NEEDED entries, which carry no path, resolve to them by SONAME.

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

// Opening libtorch takes a third of a second of relocations and static constructors: not on the JavaScript thread.
class OpenWorker : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, std::vector<std::string> paths)
      : AsyncWorker(env, "emotion2vec.open"), paths_(std::move(paths)), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    for (const auto& path : paths_) {
      // Never closed: libtorch's static state cannot be torn down and built again in one process.
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
  // CudaDriver of lib/device/driver.ts
  Napi::Value describe() const {
    Napi::Object answer = Napi::Object::New(Env());
    using State = e2v::CudaDriver::State;
    answer.Set("state", driver_.state == State::Ready     ? "ready"
                        : driver_.state == State::Missing ? "missing"
                                                          : "failed");
    answer.Set("error", driver_.error);
    answer.Set("errorCode", driver_.error_code);
    answer.Set("version", driver_.version);
    answer.Set("release", driver_.release);
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
    answer.Set("devices", devices);
    return answer;
  }

  e2v::CudaDriver driver_;
  Napi::Promise::Deferred deferred_;
};

// oneDNN keeps what it compiled for each shape that it met, up to 1024 of them, hundreds of megabytes where clips
// differ in length. A clip needs about 40. Whoever set these variables himself keeps his values.
void bound_caches() {
  setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128", /*overwrite=*/0);
  setenv("LRU_CACHE_CAPACITY", "128", /*overwrite=*/0);  // libtorch's own, of the same things
}

// Between parallel regions libgomp's threads spin for 300,000 rounds, some 10 ms, before they sleep. Where another
// process, or this one's JavaScript, takes a processor, the thread that lacks it is waited for by one that could lend
// it its own: on two processors with one busy neighbour a clip took up to a hundred times as long. With 10,000 rounds
// it takes five times as long, and without a neighbour nothing is lost (docs/serving.md).
void bound_spinning() {
  if (getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", "10000", /*overwrite=*/0);
  }
}

// open(paths: string[]): Promise<void>; opens each shared library, in this order. Rejects with the linker's words.
Napi::Value open_libraries(const Napi::CallbackInfo& info) {
  const Napi::Array array = info[0].As<Napi::Array>();
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    paths.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  }
  bound_caches();
  bound_spinning();  // read when libgomp is opened
  auto worker = std::make_unique<OpenWorker>(info.Env(), std::move(paths));
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  static_cast<void>(worker.release());  // deletes itself when done
  return promise;
}

// cudaDriver(): Promise<CudaDriver>; what NVIDIA's driver says, whether or not libtorch is there
Napi::Value cuda_driver(const Napi::CallbackInfo& info) {
  auto worker = std::make_unique<DriverWorker>(info.Env());
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  static_cast<void>(worker.release());  // deletes itself when done
  return promise;
}

// memory(): { availableBytes: number, limitBytes: number | null }; of this process, and the least of its control groups
Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("availableBytes", static_cast<double>(e2v::available_memory()));
  const auto limit = e2v::memory_limit();
  answer.Set("limitBytes", limit ? Napi::Number::New(env, static_cast<double>(*limit)) : env.Null().As<Napi::Value>());
  return answer;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open_libraries, "open"));
  exports.Set("cudaDriver", Napi::Function::New(env, cuda_driver, "cudaDriver"));
  exports.Set("memory", Napi::Function::New(env, memory, "memory"));
  exports.Set("usableCpus", e2v::usable_cpus());
  exports.Set("libtorchVersion", TORCH_VERSION);  // that the main addon was built for
  return exports;
}

}  // namespace

NODE_API_MODULE(emotion2vec_loader, init)
