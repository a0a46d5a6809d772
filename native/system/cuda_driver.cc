#include "system/cuda_driver.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <string>

namespace e2v {
namespace {

// Declarations from cuda.h and nvml.h, which need not exist on the machine that builds this. Both interfaces are stable
// in names and numbers.
constexpr int SUCCESS = 0, ERROR_NO_DEVICE = 100;
constexpr int CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76;  // CUdevice_attribute
struct Uuid {
  std::array<unsigned char, 16> bytes;
};
struct NvmlMemory {
  unsigned long long total, free, used;
};

// A library that stays open, because a driver cannot be closed and opened again.
class Library {
 public:
  explicit Library(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) {
      const char* reason = dlerror();
      error_ = reason == nullptr ? "the library could not be loaded" : reason;
    }
  }
  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }

  // Calls a function that returns a status. Returns -1 if the library does not have the function.
  template <typename... Arguments>
  int call(const char* name, Arguments... arguments) const {
    using Function = int (*)(Arguments...);
    const auto function = handle_ == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(handle_, name));
    return function == nullptr ? -1 : function(arguments...);
  }

 private:
  void* handle_;
  std::string error_;
};

std::string describe(const Library& driver, int code) {
  const char *name = nullptr, *text = nullptr;
  driver.call("cuGetErrorName", code, &name);
  driver.call("cuGetErrorString", code, &text);
  std::string described = name == nullptr ? "error " + std::to_string(code) : name;
  return text == nullptr ? described : described + ": " + text;
}

// Returns the name that NVML uses for a device, such as "GPU-8e2f...". A slice of a device (MIG) has another prefix.
std::string uuid_text(const char* prefix, const Uuid& uuid) {
  std::string text = prefix;
  for (size_t i = 0; i < uuid.bytes.size(); ++i) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", uuid.bytes[i]);
    text += (i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "") + std::string(hex.data());
  }
  return text;
}

std::optional<uint64_t> free_bytes(const Library& driver, const Library& nvml, int device) {
  Uuid uuid{};
  if (driver.call("cuDeviceGetUuid_v2", &uuid, device) != SUCCESS &&
      driver.call("cuDeviceGetUuid", &uuid, device) != SUCCESS) {
    return std::nullopt;
  }
  for (const char* prefix : {"GPU-", "MIG-"}) {
    void* handle = nullptr;
    NvmlMemory memory{};
    if (nvml.call("nvmlDeviceGetHandleByUUID", uuid_text(prefix, uuid).c_str(), &handle) == SUCCESS &&
        nvml.call("nvmlDeviceGetMemoryInfo", handle, &memory) == SUCCESS) {
      return memory.free;
    }
  }
  return std::nullopt;
}

CudaDevice read_device(const Library& driver, const Library& nvml, int device) {
  CudaDevice found;
  std::array<char, 256> name{};
  size_t total = 0;
  driver.call("cuDeviceGetName", name.data(), static_cast<int>(name.size()), device);
  driver.call("cuDeviceGetAttribute", &found.capability_major, CAPABILITY_MAJOR, device);
  driver.call("cuDeviceGetAttribute", &found.capability_minor, CAPABILITY_MINOR, device);
  driver.call("cuDeviceTotalMem_v2", &total, device);
  found.name = name.data();
  found.bytes_total = total;
  found.bytes_free = free_bytes(driver, nvml, device);
  return found;
}

}  // namespace

CudaDriver read_cuda_driver() {
  CudaDriver found;
  const Library driver("libcuda.so.1");
  if (!driver) {
    found.error = driver.error();
    return found;
  }
  driver.call("cuDriverGetVersion", &found.version);
  const Library nvml("libnvidia-ml.so.1");
  const bool has_nvml = nvml.call("nvmlInit_v2") == SUCCESS;
  std::array<char, 96> release{};
  if (has_nvml &&
      nvml.call("nvmlSystemGetDriverVersion", release.data(), static_cast<unsigned>(release.size())) == SUCCESS) {
    found.release = release.data();
  }
  found.state = CudaDriver::State::Ready;
  int code = driver.call("cuInit", 0U), count = 0;
  if (code == SUCCESS) {
    code = driver.call("cuDeviceGetCount", &count);
  }
  if (code != SUCCESS && code != ERROR_NO_DEVICE) {
    found.state = CudaDriver::State::Failed;
    found.error = describe(driver, code);
    found.error_code = code;
  }
  for (int i = 0; i < count; ++i) {
    int device = 0;
    if (driver.call("cuDeviceGet", &device, i) == SUCCESS) {
      found.devices.push_back(read_device(driver, nvml, device));
    }
  }
  if (has_nvml) {
    nvml.call("nvmlShutdown");
  }
  return found;
}

}  // namespace e2v
