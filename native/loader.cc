// The loader: the only addon that is loaded when libtorch may be absent. It opens libtorch's libraries with global
// visibility, so that the main addon's NEEDED entries, which carry no path, resolve to them by SONAME.

#include <dlfcn.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "napi_setup.h"

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

// oneDNN keeps what it compiled for each shape that it met, up to 1024 of them, hundreds of megabytes where clips differ in
// length. A clip needs about 40. Whoever set these variables himself keeps his values.
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
Napi::Value Open(const Napi::CallbackInfo& info) {
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

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open, "open"));
  return exports;
}

}  // namespace

NODE_API_MODULE(emotion2vec_loader, Init)
