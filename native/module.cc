#include "module.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <caffe2/serialize/inline_container.h>
#include <sys/stat.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/export.h>
#include <unistd.h>

#include <algorithm>
#include <shared_mutex>
#include <string_view>
#include <tuple>
#include <utility>

#include "clone.h"
#include "device_memory.h"
#include "error.h"
#include "forks.h"
#include "host_allocator.h"
#include "inlining.h"
#include "memory.h"
#include "part_file.h"
#include "precision.h"
#include "scratch.h"
#include "state.h"
#include "tensors.h"
#include "transfer.h"

namespace e2v {
namespace {

// What makes two requests the same model: the file itself (a replaced file is another one), the device and the
// precision.
using Identity = std::tuple<dev_t, ino_t, time_t, long, off_t, std::string, std::string>;

Identity identify(const std::string& path, const c10::Device& device, const std::string& precision) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    throw CodedError("ERR_FILE_NOT_FOUND", "There is no model at " + path);
  }
  return {file.st_dev, file.st_ino, file.st_mtim.tv_sec, file.st_mtim.tv_nsec, file.st_size, device.str(), precision};
}

struct Registry {
  std::mutex mutex;
  std::map<Identity, std::weak_ptr<Module>> open;
};

// At namespace scope, so that it is made before the queues and destroyed after them: a load may run until they are.
Registry registry;

// Gives what was freed, and is kept for what may come, to the system and the device.
void release_all(const c10::Device& device) {
  trim_memory();
  try {
    release_kept_memory(device);
  } catch (const std::exception&) {  // a device that has failed: the error that is under way says more
  }
}

c10::IValue run_plain(const torch::jit::Module& module, const std::string& method, std::vector<c10::IValue> inputs) {
  Forks forks;
  const auto future = module.get_method(method).run_async(std::move(inputs), {}, forks.launcher());
  future->wait();
  forks.wait();
  return future->value();  // throws what the method threw
}

// Loads an archive that was just written: without the bytes of its weights, where it can be. Where it has tensors as constants libtorch
// compares them, for which it needs the bytes.
void check_written(const std::string& path, bool quantized) {
  try {
    try {
      torch::jit::load(path, c10::Device(c10::kMeta));
    } catch (const c10::Error&) {
      torch::jit::load(path, c10::Device(c10::kCPU));
    }
  } catch (const std::exception& error) {
    const CodedError why = from_libtorch(error, quantized ? "ERR_QUANTIZE" : "ERR_FILE_WRITE");
    throw CodedError(why.code(), "libtorch does not load what was written. " + std::string(why.what()));
  }
}

// The names of an archive's extra files, to be filled by torch::jit::load.
torch::jit::ExtraFilesMap list_extra_files(const std::shared_ptr<ArchiveReader>& archive) {
  constexpr std::string_view FOLDER = "extra/";
  torch::jit::ExtraFilesMap files;
  caffe2::serialize::PyTorchStreamReader reader(archive);
  archive->check_compressed(reader);
  for (const std::string& name : reader.getAllRecords()) {
    if (name.starts_with(FOLDER)) {
      files[name.substr(FOLDER.size())] = "";
    }
  }
  return files;
}

struct Archive {
  torch::jit::Module module;
  torch::jit::ExtraFilesMap extra_files;
};

Archive read_archive(const std::shared_ptr<ArchiveReader>& archive, const c10::Device& device) {
  try {
    torch::jit::ExtraFilesMap extra_files = list_extra_files(archive);
    torch::jit::Module module = torch::jit::load(archive, device, extra_files);
    return {std::move(module), std::move(extra_files)};
  } catch (...) {
    if (const auto damage = archive->damage()) {
      throw *damage;
    }
    throw;
  }
}

}  // namespace

Module::Module(torch::jit::Module module, const c10::Device& device, std::string precision,
               std::map<std::string, std::string> extra_files)
    : module_(std::move(module)),
      device_(device),
      precision_(std::move(precision)),
      extra_files_(std::move(extra_files)) {
  for (const auto& method : module_.get_methods()) {
    schemas_.emplace(method.name(), method.function().getSchema());
  }
}

Module::~Module() {
  if (!device_.is_cuda()) {
    return;
  }
  forward_.reset();
  module_ = torch::jit::Module();
  try {
    release_kept_memory(device_);
  } catch (const std::exception&) {  // a device that has failed: its memory is lost with it
  }
}

std::shared_ptr<Module> Module::open(const std::string& path, const c10::Device& device, const std::string& precision,
                                     std::shared_ptr<LoadProgress> progress,
                                     const std::shared_ptr<MemoryBudget>& budget) {
  install_host_allocator();
  // Held while loading: of two callers who ask for the same file, the second gets the first one's weights.
  const std::lock_guard lock(registry.mutex);
  std::weak_ptr<Module>& slot = registry.open[identify(path, device, precision)];
  try {
    std::shared_ptr<Module> opened = slot.lock();
    if (opened == nullptr) {
      opened = load(path, device, precision, std::move(progress), budget);
    }
    if (budget != nullptr && device.is_cpu()) {
      budget->take(tensor_bytes(opened->module_));
    }
    slot = opened;
    std::erase_if(registry.open, [](const auto& entry) { return entry.second.expired(); });
    return opened;
  } catch (const CodedError&) {
    throw;
  } catch (const std::exception& error) {
    const CodedError coded = from_libtorch(error, "ERR_MODEL_LOAD");
    if (coded.code() == "ERR_OUT_OF_MEMORY") {
      release_all(device);
    }
    throw coded;
  }
}

// What is not in the registry.
std::shared_ptr<Module> Module::load(const std::string& path, const c10::Device& device, const std::string& precision,
                                     std::shared_ptr<LoadProgress> progress,
                                     const std::shared_ptr<MemoryBudget>& budget) {
  const c10::InferenceMode guard;
  const MemoryScope scope(budget);
  const auto archive = std::make_shared<ArchiveReader>(path, std::move(progress));
  auto [module, extra_files] = read_archive(archive, device);
  check_bounds(module, archive->record_sizes());
  module.eval();
  const int64_t available = available_memory();
  const std::string runs_in =
      apply_precision(module, device, precision, budget == nullptr ? available : std::min(available, budget->left()));
  release_kept_memory(device);  // of weights that are smaller now
  return std::shared_ptr<Module>(
      new Module(std::move(module), device, runs_in, {extra_files.begin(), extra_files.end()}));
}

std::shared_ptr<Module> Module::quantize(std::shared_ptr<Module>& module, WeightFormat format, CompressReport& report) {
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
    report = compress(clone, format, [&] { module.reset(); });
    const char* precision = format == WeightFormat::Int8 ? "int8" : "bf16";
    const std::shared_ptr<Module> quantized(new Module(std::move(clone), device, precision, std::move(extra_files)));
    quantized->quantized_ = true;
    return quantized;
  } catch (const CodedError&) {
    throw;
  } catch (const std::exception& error) {
    throw from_libtorch(error, "ERR_QUANTIZE");
  }
}

const c10::FunctionSchema& Module::schema(const std::string& method) const {
  const auto found = schemas_.find(method);
  if (found == schemas_.end()) {
    throw CodedError("ERR_MODEL_RUN", "The model has no method named " + method);
  }
  return found->second;
}

std::vector<std::string> Module::methods() const {
  std::vector<std::string> names;
  for (const auto& [name, schema] : schemas_) {
    names.push_back(name);
  }
  return names;
}

c10::IValue Module::run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                        int threads, const std::shared_ptr<MemoryBudget>& budget) {
  try {
    const MemoryScope scope(budget);
    return run_here(method, std::move(inputs), keep, threads);
  } catch (const std::exception& error) {
    const CodedError coded = from_libtorch(error, "ERR_MODEL_RUN");
    if (coded.code() == "ERR_OUT_OF_MEMORY") {
      release_all(device_);
    }
    throw coded;
  }
}

c10::IValue Module::run_here(const std::string& method, std::vector<c10::IValue> inputs,
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

bool Module::changes(const std::string& method) {
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

std::shared_ptr<Module> Module::with_own_state(const std::shared_ptr<Module>& module) {
  const c10::InferenceMode guard;
  const std::unique_lock alone(module->access_);
  module->make_plain();
  Written all;
  for (const auto& [method, schema] : module->schemas_) {
    all.add(module->written(method));
  }
  const std::shared_ptr<Module> own(
      new Module(e2v::with_own_state(module->module_, all), module->device_, module->precision_, module->extra_files_));
  own->quantized_ = module->quantized_;
  own->origin_ = module;
  return own;
}

// With access_ held by this caller alone.
const Written& Module::written(const std::string& method) {
  const auto [known, fresh] = writes_.try_emplace(method, Written{true, {}, false, true});
  if (fresh) {
    try {
      known->second = written_by(module_, module_.get_method(method));
    } catch (const std::exception&) {  // it cannot be told
    }
  }
  return known->second;
}

bool Module::ready(const std::string& method) const {
  const auto known = writes_.find(method);
  const bool in_shape = wants_program(method) ? forward_ || plain_ : method == "forward" || !forward_;
  return known != writes_.end() && !known->second.alone && in_shape;
}

void Module::prepare(const std::string& method) {
  if (wants_program(method)) {
    make_fast();
  } else if (method != "forward") {
    make_plain();
  }
  if (written(method).state()) {  // what it changes may be what the others' answer rests on
    std::erase_if(writes_, [](const auto& entry) { return !entry.second.state(); });
  }
}

c10::IValue Module::execute(const std::string& method, std::vector<c10::IValue> inputs,
                            const std::vector<size_t>& keep) const {
  const ScratchScope scratch;  // not while weights are packed: it would keep what that frees
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

void Module::make_fast() {
  if (!forward_ && !plain_) {
    forward_ = Program::of(module_, "forward");
    plain_ = !forward_;
    trim_memory();  // of the weights as they were before they were packed
  }
}

void Module::make_plain() {
  if (forward_) {
    forward_->give_back();
    forward_.reset();
  }
}

void Module::save(const std::string& path, const std::map<std::string, std::string>& extra_files) {
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
    torch::jit::ExportModule(
        module_, [&](const void* bytes, size_t size) { return part.write(bytes, size); }, files);
    part.finish();
    check_written(part.path(), quantized_);
    part.rename(path);
  } catch (const CodedError&) {
    throw;
  } catch (const std::exception& error) {
    throw from_libtorch(error, "ERR_FILE_WRITE");
  }
}

}  // namespace e2v
