// What NVIDIA's driver reports about itself and its devices. It needs neither libtorch nor CUDA's own libraries, and
// makes no context, so that it takes no memory of a device.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace e2v {

struct CudaDevice {
  std::string name;
  int capability_major = 0, capability_minor = 0;
  uint64_t bytes_total = 0;
  std::optional<uint64_t> bytes_free;  // absent if the management library (NVML) cannot report it
};

struct CudaDriver {
  enum class State { Ready, Missing, Failed };
  State state = State::Missing;
  std::string error;                // why the driver is missing or failed, as the system reports it
  int error_code = 0;               // CUresult of a driver that failed
  int version = 0;                  // the newest CUDA that the driver supports: 1000 * major + 10 * minor
  std::string release;              // version of the driver, such as 580.65.06; empty if NVML cannot report it
  std::vector<CudaDevice> devices;  // the devices that CUDA_VISIBLE_DEVICES selects, in its order
};

// The first call initializes the driver, which may take seconds on a machine with many devices.
CudaDriver read_cuda_driver();

}  // namespace e2v
