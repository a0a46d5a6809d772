// What one load() gave: a module that others may have too, until a method of it is called that changes it.
#pragma once

#include <utility>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "module/loaded_module.h"

namespace e2v {

class Instance {
 public:
  explicit Instance(std::shared_ptr<LoadedModule> module) : module_(std::move(module)) {}

  // As it is now. Never waits.
  std::shared_ptr<LoadedModule> module() const;

  // As LoadedModule::run. What the method changes is this instance's alone.
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads, const std::shared_ptr<MemoryBudget>& budget);

  // As LoadedModule::quantize: `instance` is another one from then on, unless this throws.
  static void quantize(std::shared_ptr<Instance>& instance, WeightFormat format, QuantizeReport& report);

  // Whether nobody but this instance has its module.
  bool alone() const;

 private:
  void set_module(std::shared_ptr<LoadedModule> module);
  std::shared_ptr<LoadedModule> module_for(const std::string& method, const std::shared_ptr<MemoryBudget>& budget);

  std::mutex change_;  // held while it is decided whether the module is changed
  mutable std::mutex mutex_;
  std::shared_ptr<LoadedModule> module_;
};

}  // namespace e2v
