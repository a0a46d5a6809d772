// The result of one load(): a module that other instances may share, until a method is called that changes it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "module/loaded_module.h"

namespace e2v {

class Instance {
 public:
  explicit Instance(std::shared_ptr<LoadedModule> module) : module_(std::move(module)) {}

  // The current module. Never waits.
  std::shared_ptr<LoadedModule> module() const;

  // As LoadedModule::run. What the method changes is this instance's alone.
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads, const std::shared_ptr<MemoryBudget>& budget);

  // Like LoadedModule::quantize. Replaces `instance` by another one, unless it throws.
  static void quantize(std::shared_ptr<Instance>& instance, WeightFormat format, QuantizeReport& report);

  // Whether no other instance shares the module.
  bool is_only_owner() const;

 private:
  void set_module(std::shared_ptr<LoadedModule> module);
  std::shared_ptr<LoadedModule> module_for(const std::string& method, const std::shared_ptr<MemoryBudget>& budget);

  std::mutex change_;  // held while module_for() decides whether the module must be copied
  mutable std::mutex mutex_;
  std::shared_ptr<LoadedModule> module_;
};

}  // namespace e2v
