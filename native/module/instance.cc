#include "module/instance.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/memory_budget.h"

namespace e2v {

std::shared_ptr<LoadedModule> Instance::module() const {
  const std::lock_guard lock(mutex_);
  return module_;
}

void Instance::set_module(std::shared_ptr<LoadedModule> module) {
  const std::lock_guard lock(mutex_);
  module_.swap(module);
}

bool Instance::is_only_owner() const {
  const std::lock_guard lock(mutex_);
  return module_.use_count() == 1;
}

c10::IValue Instance::run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                          int threads, const std::shared_ptr<MemoryBudget>& budget) {
  return module_for(method, budget)->run(method, std::move(inputs), keep, threads, budget);
}

std::shared_ptr<LoadedModule> Instance::module_for(const std::string& method,
                                                   const std::shared_ptr<MemoryBudget>& budget) {
  const std::lock_guard lock(change_);
  const std::shared_ptr<LoadedModule> shared = module();
  if (!shared->changes(method) || shared->has_own_state()) {
    return shared;
  }
  const MemoryScope scope(budget);
  const std::shared_ptr<LoadedModule> own = LoadedModule::with_own_state(shared);
  set_module(own);
  return own;
}

void Instance::quantize(std::shared_ptr<Instance>& instance, WeightFormat format, QuantizeReport& report) {
  std::shared_ptr<LoadedModule> module = instance->module();
  if (instance.use_count() == 1) {  // another owner continues with the unquantized weights
    instance->set_module(nullptr);
  }
  try {
    instance = std::make_shared<Instance>(LoadedModule::quantize(module, format, report));
  } catch (...) {
    if (module == nullptr) {
      instance = nullptr;
    } else {
      instance->set_module(std::move(module));
    }
    throw;
  }
}

}  // namespace e2v
