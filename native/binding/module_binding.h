// The JavaScript class of a loaded module.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "binding/guard.h"
#include "binding/napi_setup.h"
#include "module/instance.h"

namespace e2v {

class ModuleBinding : public Napi::ObjectWrap<ModuleBinding> {
 public:
  static Napi::Function define(Napi::Env env);

  // Takes the result of load(). JavaScript gets instances from load() only.
  explicit ModuleBinding(const Napi::CallbackInfo& info);
  ~ModuleBinding() override;

 private:
  Napi::Value methods(const Napi::CallbackInfo& info);
  Napi::Value extra_file(const Napi::CallbackInfo& info);
  Napi::Value call(const Napi::CallbackInfo& info);
  Napi::Value precision(const Napi::CallbackInfo& info);
  Napi::Value quantize(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  template <Napi::Value (ModuleBinding::*method)(const Napi::CallbackInfo&)>
  Napi::Value guarded(const Napi::CallbackInfo& info) {
    return e2v::guarded(info.Env(), [&] { return (this->*method)(info); });
  }

  std::shared_ptr<Instance> instance() const;  // throws CodedError ERR_CLOSED
  void release();

  std::shared_ptr<Instance> instance_;
  std::shared_ptr<MemoryBudget> budget_;  // may be null
  // Copies that stay available while the module is being quantized.
  const std::vector<std::string> methods_;
  const std::map<std::string, std::string> extra_files_;
};

// load(path: string, device: string, precision: string, watch?: object, budgetBytes?: number): Promise<ModuleBinding>
Napi::Value load(const Napi::CallbackInfo& info);

}  // namespace e2v
