#include "module/loaded_module.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/export.h>
#include <unistd.h>

#include <string>
#include <map>
#include <vector>
#include <memory>
#include <algorithm>
#include <shared_mutex>
#include <utility>

#include "archive/archive_file.h"
#include "graph/clone.h"
#include "graph/writes.h"
#include "module/precision.h"
#include "module/state.h"
#include "module/transfer.h"
#include "runtime/device_memory.h"
#include "runtime/forks.h"
#include "runtime/host_allocator.h"
#include "runtime/libtorch_error.h"
#include "runtime/scratch.h"
#include "system/memory.h"
#include "system/part_file.h"

namespace e2v {
namespace {

c10::IValue run_plain(const torch::jit::Module& module, const std::string& method, std::vector<c10::IValue> inputs) {
  Forks forks;
  const auto future = module.get_method(method).run_async(std::move(inputs), {}, forks.launcher());
  future->wait();
  forks.wait();
  return future->value();  // throws what the method threw
}

}  // namespace

LoadedModule::LoadedModule(torch::jit::Module module, const c10::Device& device, std::string precision,
                           std::map<std::string, std::string> extra_files)
    : module_(std::move(module)),
      device_(device),
      precision_(std::move(precision)),
      extra_files_(std::move(extra_files)) {
  for (const auto& method : module_.get_methods()) {
    schemas_.emplace(method.name(), method.function().getSchema());
  }
}

LoadedModule::~LoadedModule() {
  if (!device_.is_cuda()) {
    return;
  }
  forward_.reset();
  module_ = torch::jit::Module();
  try {
    release_cached_memory(device_);
  } catch (const std::exception&) {  // a device that has failed: its memory is lost with it
  }
}

std::shared_ptr<LoadedModule> LoadedModule::quantize(std::shared_ptr<LoadedModule>& module, WeightFormat format,
                                                     QuantizeReport& report) {
  require_fast(format);
  if (module->precision_ != "fp32") {
    throw CodedError("ERR_QUANTIZE", "The model's linear layers are in " + module->precision_ + " already");
  }
  try {
    const c10::InferenceMode guard;
    // A clone, since graphs that have run are kept compiled; it has the same tensors, until they are compressed.
    torch::jit::Module clone = [&] {
      const std::unique_lock alone(module->access_);  // must go before the module may
      module->make_plain();
      return clone_module(module->module_);
    }();
    const c10::Device device = module->device_;
    std::map<std::string, std::string> extra_files = module->extra_files_;
    report = quantize_weights(clone, format, [&] { module.reset(); });
    const char* precision = format == WeightFormat::Int8 ? "int8" : "bf16";
    const std::shared_ptr<LoadedModule> quantized(
        new LoadedModule(std::move(clone), device, precision, std::move(extra_files)));
    quantized->quantized_ = true;
    return quantized;
  } catch (const CodedError&) {
    throw;
  } catch (const std::exception& error) {
    throw from_libtorch(error, "ERR_QUANTIZE");
  }
}

const c10::FunctionSchema& LoadedModule::schema(const std::string& method) const {
  const auto found = schemas_.find(method);
  if (found == schemas_.end()) {
    throw CodedError("ERR_MODEL_RUN", "The model has no method named " + method);
  }
  return found->second;
}

std::vector<std::string> LoadedModule::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, schema] : schemas_) {
    names.push_back(name);
  }
  return names;
}

c10::IValue LoadedModule::run(const std::string& method, std::vector<c10::IValue> inputs,
                              const std::vector<size_t>& keep, int threads,
                              const std::shared_ptr<MemoryBudget>& budget) {
  try {
    const MemoryScope scope(budget);
    return run_here(method, std::move(inputs), keep, threads);
  } catch (const std::exception& error) {
    const CodedError coded = from_libtorch(error, "ERR_MODEL_RUN");
    if (coded.code() == "ERR_OUT_OF_MEMORY") {
      release_all_memory(device_);
    }
    throw coded;
  }
}

c10::IValue LoadedModule::run_here(const std::string& method, std::vector<c10::IValue> inputs,
                                   const std::vector<size_t>& keep, int threads) {
  const c10::InferenceMode guard;
  // Of this thread alone, in OpenMP (which oneDNN asks too) and, from libtorch 2.11 on, in MKL. Where MKL's was the
  // whole process's, a run with one thread could find itself with the team of threads that another run had asked for.
  if (at::get_num_threads() != threads) {
    at::set_num_threads(threads);
  }
  for (auto& input : inputs) {
    input = to_device(input, device_);
  }
  {
    const std::shared_lock together(access_);
    if (ready(method)) {
      return execute(method, std::move(inputs), keep);
    }
  }
  const std::unique_lock alone(access_);
  prepare(method);
  return execute(method, std::move(inputs), keep);
}

bool LoadedModule::changes(const std::string& method) {
  const auto answer = [&](const Written& written) {
    if (written.recursive) {
      throw CodedError("ERR_MODEL_RUN", "It calls itself, or far too many functions, which libtorch does not run");
    }
    return written.state();
  };
  {
    const std::shared_lock together(access_);
    if (const auto known = writes_.find(method); known != writes_.end()) {
      return answer(known->second);
    }
  }
  const std::unique_lock alone(access_);
  return answer(written(method));
}

std::shared_ptr<LoadedModule> LoadedModule::with_own_state(const std::shared_ptr<LoadedModule>& module) {
  const c10::InferenceMode guard;
  const std::unique_lock alone(module->access_);
  module->make_plain();
  Written all;
  for (const auto& [method, schema] : module->schemas_) {
    all.add(module->written(method));
  }
  const std::shared_ptr<LoadedModule> own(new LoadedModule(e2v::with_own_state(module->module_, all), module->device_,
                                                           module->precision_, module->extra_files_));
  own->quantized_ = module->quantized_;
  own->origin_ = module;
  return own;
}

// With access_ held by this caller alone.
const Written& LoadedModule::written(const std::string& method) {
  const auto [known, fresh] = writes_.try_emplace(method, Written{true, {}, false, true});
  if (fresh) {
    try {
      known->second = written_by(module_, module_.get_method(method));
    } catch (const std::exception&) {  // it cannot be told
    }
  }
  return known->second;
}

bool LoadedModule::ready(const std::string& method) const {
  const auto known = writes_.find(method);
  const bool in_shape = wants_program(method) ? forward_ || plain_ : method == "forward" || !forward_;
  return known != writes_.end() && !known->second.alone && in_shape;
}

void LoadedModule::prepare(const std::string& method) {
  if (wants_program(method)) {
    make_fast();
  } else if (method != "forward") {
    make_plain();
  }
  if (written(method).state()) {  // what it changes may be what the others' answer rests on
    std::erase_if(writes_, [](const auto& entry) { return !entry.second.state(); });
  }
}

c10::IValue LoadedModule::execute(const std::string& method, std::vector<c10::IValue> inputs,
                                  const std::vector<size_t>& keep) const {
  const ScratchScope scratch(free_host_block);  // not while weights are packed: it would keep what that frees
  // On CUDA the optimising executor compiles kernels for each length of clip that it meets.
  const torch::jit::GraphOptimizerEnabledGuard optimizes(device_.is_cpu());
  c10::IValue output = wants_program(method) && forward_ ? forward_->run(std::move(inputs))
                                                         : run_plain(module_, method, std::move(inputs));
  if (!keep.empty() && output.isTuple()) {
    std::vector<c10::IValue> kept(output.toTupleRef().elements().size());
    for (const size_t index : keep) {
      if (index < kept.size()) {
        kept[index] = output.toTupleRef().elements()[index];
      }
    }
    output = c10::ivalue::Tuple::create(std::move(kept));
  }
  return to_host(output, has_own_state());
}

void LoadedModule::make_fast() {
  if (!forward_ && !plain_) {
    forward_ = Program::of(module_, "forward");
    plain_ = !forward_;
    trim_memory();  // of the weights as they were before they were packed
  }
}

void LoadedModule::make_plain() {
  if (forward_) {
    forward_->restore();
    forward_.reset();
  }
}

void LoadedModule::save(const std::string& path, const std::map<std::string, std::string>& extra_files) {
  try {
    const c10::InferenceMode guard;
    const std::unique_lock alone(access_);
    make_plain();
    torch::jit::ExtraFilesMap files(extra_files_.begin(), extra_files_.end());
    for (const auto& [name, content] : extra_files) {
      files[name] = content;
    }
    // What is named so is aside already: whoever asked for it renames it.
    PartFile part(path.ends_with(".part") ? path : path + "." + std::to_string(getpid()) + ".part");
    torch::jit::ExportModule(module_, [&](const void* bytes, size_t size) { return part.write(bytes, size); }, files);
    part.finish();
    check_loads(part.path(), quantized_ ? "ERR_QUANTIZE" : "ERR_FILE_WRITE");
    part.rename(path);
  } catch (const CodedError&) {
    throw;
  } catch (const std::exception& error) {
    throw from_libtorch(error, "ERR_FILE_WRITE");
  }
}

}  // namespace e2v
