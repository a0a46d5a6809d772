// The loader: the only addon that is loaded when libtorch may be absent. It opens libtorch's libraries with global
// visibility, so that the main addon's NEEDED entries, which carry no path, resolve to them by SONAME.

#include <dlfcn.h>

#include <string>

#include "napi_setup.h"

namespace {

// open(paths: string[]): opens each shared library, in this order. Throws with the dynamic linker's words.
void Open(const Napi::CallbackInfo& info) {
  const Napi::Array paths = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < paths.Length(); ++i) {
    const std::string path = paths.Get(i).As<Napi::String>().Utf8Value();
    // Never closed: libtorch's static state cannot be torn down and built again in one process.
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      throw Napi::Error::New(info.Env(), dlerror());
    }
  }
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, Open, "open"));
  return exports;
}

}  // namespace

NODE_API_MODULE(emotion2vec_loader, Init)
