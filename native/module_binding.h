// The JavaScript class of a loaded module.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "module.h"
#include "napi_setup.h"

namespace e2v {

class ModuleBinding : public Napi::ObjectWrap<ModuleBinding> {
 public:
  static Napi::Function define(Napi::Env env);

  // Takes what load() makes; JavaScript gets instances from load() only.
  explicit ModuleBinding(const Napi::CallbackInfo& info);
  ~ModuleBinding() override;

 private:
  Napi::Value methods(const Napi::CallbackInfo& info);
  Napi::Value extra_file(const Napi::CallbackInfo& info);
  Napi::Value call(const Napi::CallbackInfo& info);
  Napi::Value precision(const Napi::CallbackInfo& info);
  Napi::Value quantize(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  const std::shared_ptr<Module>& module(Napi::Env env) const;
  void release();

  std::shared_ptr<Module> module_;
  std::shared_ptr<MemoryBudget> budget_;  // may be null
  // Copies, for while the module is being quantised.
  const std::vector<std::string> methods_;
  const std::map<std::string, std::string> extra_files_;
};

// load(path: string, device: string, precision: string, watch?: object, budgetBytes?: number): Promise<ModuleBinding>
Napi::Value load(const Napi::CallbackInfo& info);

}  // namespace e2v
