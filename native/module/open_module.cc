// LoadedModule::open(), and the registry of the modules that are open in this process.
#include <c10/core/InferenceMode.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "archive/archive_file.h"
#include "module/loaded_module.h"
#include "module/precision.h"
#include "module/tensors.h"
#include "runtime/device_memory.h"
#include "runtime/host_allocator.h"
#include "runtime/libtorch_error.h"
#include "system/memory.h"

namespace e2v {
namespace {

// What makes two requests the same model: the file itself (a file that replaced it is another one), the device and the
// precision.
using Identity = std::tuple<dev_t, ino_t, time_t, int64_t, off_t, std::string, std::string>;

Identity identify(const std::string& path, const c10::Device& device, const std::string& precision) {
  struct stat file{};
  if (stat(path.c_str(), &file) != 0) {
    throw CodedError("ERR_FILE_NOT_FOUND", "There is no model at " + path);
  }
  return {file.st_dev, file.st_ino, file.st_mtim.tv_sec, file.st_mtim.tv_nsec, file.st_size, device.str(), precision};
}

struct Registry {
  std::mutex mutex;
  std::map<Identity, std::weak_ptr<LoadedModule>> open;
};

// It is at namespace scope so that it is made before the queues and destroyed after them: a load may run until they are
// destroyed.
Registry registry;

}  // namespace

std::shared_ptr<LoadedModule> LoadedModule::open(const std::string& path, const c10::Device& device,
                                                 const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                                 const std::shared_ptr<MemoryBudget>& budget) {
  install_host_allocator();
  // Held while loading: the second of two callers that request the same file gets the weights of the first.
  const std::lock_guard lock(registry.mutex);
  std::weak_ptr<LoadedModule>& slot = registry.open[identify(path, device, precision)];
  try {
    std::shared_ptr<LoadedModule> opened = slot.lock();
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
      release_all_memory(device);
    }
    throw coded;
  }
}

std::shared_ptr<LoadedModule> LoadedModule::load(const std::string& path, const c10::Device& device,
                                                 const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                                 const std::shared_ptr<MemoryBudget>& budget) {
  const c10::InferenceMode guard;
  const MemoryScope scope(budget);
  const auto archive = std::make_shared<ArchiveReader>(path, std::move(progress));
  auto [module, extra_files] = read_archive(archive, device);
  check_bounds(module, archive->record_sizes());
  module.eval();
  const int64_t available = available_memory();
  const std::string resolved =
      apply_precision(module, device, precision, budget == nullptr ? available : std::min(available, budget->left()));
  release_cached_memory(device);  // frees the memory of weights that were quantized
  return std::shared_ptr<LoadedModule>(
      new LoadedModule(std::move(module), device, resolved, {extra_files.begin(), extra_files.end()}));
}

}  // namespace e2v
