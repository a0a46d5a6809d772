// What NVIDIA's driver says of itself and its devices. Neither libtorch nor CUDA's own libraries are needed for it, and
// no context is made: asking takes no memory of a device.
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
  std::optional<uint64_t> bytes_free;  // absent where the management library (NVML) does not tell
};

struct CudaDriver {
  enum class State { Ready, Missing, Failed };
  State state = State::Missing;
  std::string error;                // of a driver that is missing or failed, in its own words
  int error_code = 0;               // of a driver that failed: CUresult
  int version = 0;                  // the newest CUDA that it supports: 1000 * major + 10 * minor
  std::string release;              // of the driver itself, such as 580.65.06; empty where NVML does not tell
  std::vector<CudaDevice> devices;  // those that CUDA_VISIBLE_DEVICES leaves, in its order
};

// The first call initialises the driver, which may take seconds where there are many devices.
CudaDriver read_cuda_driver();

}  // namespace e2v
