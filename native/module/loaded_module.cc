#include "module/loaded_module.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/export.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

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
  } catch (const std::exception&) {  // the device has failed, and its memory is lost
  }
}

std::shared_ptr<LoadedModule> LoadedModule::quantize(std::shared_ptr<LoadedModule>& module, WeightFormat format,
                                                     QuantizeReport& report) {
  require_fast(format);
  if (module->precision_ != "fp32") {
    throw CodedError("ERR_QUANTIZE", "The linear layers of the model are already in " + module->precision_);
  }
  try {
    const c10::InferenceMode guard;
    // A clone is needed because graphs that have run are cached in compiled form. It has the same tensors until they
    // are quantized.
    torch::jit::Module clone = [&] {
      const std::unique_lock alone(module->access_);  // must be released before the module may be destroyed
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
    return run_unguarded(method, std::move(inputs), keep, threads);
  } catch (const std::exception& error) {
    const CodedError coded = from_libtorch(error, "ERR_MODEL_RUN");
    if (coded.code() == "ERR_OUT_OF_MEMORY") {
      release_all_memory(device_);
    }
    throw coded;
  }
}

c10::IValue LoadedModule::run_unguarded(const std::string& method, std::vector<c10::IValue> inputs,
                                        const std::vector<size_t>& keep, int threads) {
  const c10::InferenceMode guard;
  // This sets the number for this thread only, in OpenMP, which oneDNN uses too, and since libtorch 2.11 in MKL. While
  // the number of MKL was that of the whole process, a run with one thread could get the threads that another run had
  // requested.
  if (at::get_num_threads() != threads) {
    at::set_num_threads(threads);
  }
  for (auto& input : inputs) {
    input = to_device(input, device_);
  }
  {
    const std::shared_lock together(access_);
    if (is_ready(method)) {
      return execute(method, std::move(inputs), keep);
    }
  }
  const std::unique_lock alone(access_);
  prepare(method);
  return execute(method, std::move(inputs), keep);
}

bool LoadedModule::changes(const std::string& method) {
  const auto changes_state = [&](const Written& written) {
    if (written.recursive) {
      throw CodedError("ERR_MODEL_RUN", "The method calls itself, or too many functions, which libtorch cannot run");
    }
    return written.state();
  };
  {
    const std::shared_lock together(access_);
    if (const auto known = writes_.find(method); known != writes_.end()) {
      return changes_state(known->second);
    }
  }
  const std::unique_lock alone(access_);
  return changes_state(written(method));
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

// access_ must be held exclusively.
const Written& LoadedModule::written(const std::string& method) {
  const auto [known, fresh] = writes_.try_emplace(method, Written{true, {}, false, true});
  if (fresh) {
    try {
      known->second = written_by(module_, module_.get_method(method));
    } catch (const std::exception&) {  // the analysis failed: everything may change
    }
  }
  return known->second;
}

bool LoadedModule::is_ready(const std::string& method) const {
  const auto known = writes_.find(method);
  const bool in_shape = uses_program(method) ? forward_ || plain_ : method == "forward" || !forward_;
  return known != writes_.end() && !known->second.alone && in_shape;
}

void LoadedModule::prepare(const std::string& method) {
  if (uses_program(method)) {
    make_fast();
  } else if (method != "forward") {
    make_plain();
  }
  if (written(method).state()) {  // what it changes may affect the analysis of the other methods
    std::erase_if(writes_, [](const auto& entry) { return !entry.second.state(); });
  }
}

c10::IValue LoadedModule::execute(const std::string& method, std::vector<c10::IValue> inputs,
                                  const std::vector<size_t>& keep) const {
  // Not while weights are packed, because it would keep the blocks that this frees.
  const ScratchScope scratch(free_host_block);
  // On CUDA, the optimizing executor would compile kernels for each new length of clip.
  const torch::jit::GraphOptimizerEnabledGuard optimizes(device_.is_cpu());
  c10::IValue output = uses_program(method) && forward_ ? forward_->run(std::move(inputs))
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
    trim_memory();  // frees the weights that were replaced by packed ones
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
    // A file with this suffix is a temporary one already, which the caller renames.
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
