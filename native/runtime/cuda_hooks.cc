#include "runtime/cuda_hooks.h"

#include <ATen/detail/CUDAHooksInterface.h>

#include <atomic>
#include <memory>
#include <string>

namespace e2v {
namespace {

using at::Allocator;
using at::Device;
using at::DeviceIndex;
using at::Generator;
using Hooks = at::CUDAHooksInterface;

constexpr const char* NAME = "CUDAHooks";  // the name under which libtorch registers its own hooks

// The hooks of libtorch, once they are open. They are created once and never destroyed, as is libtorch's own reference
// to them.
std::atomic<const Hooks*> adopted{nullptr};

// Forwards each call to the hooks of libtorch, or behaves like a libtorch without CUDA.
class DeferredHooks final : public Hooks {
 public:
  void init() const override { real().init(); }
  const Generator& getDefaultGenerator(DeviceIndex device) const override { return real().getDefaultGenerator(device); }
  Generator getNewGenerator(DeviceIndex device) const override { return real().getNewGenerator(device); }
  Device getDeviceFromPtr(void* data) const override { return real().getDeviceFromPtr(data); }
  bool isPinnedPtr(const void* data) const override { return real().isPinnedPtr(data); }
  bool isBuilt() const override { return real().isBuilt(); }
  bool isAvailable() const override { return real().isAvailable(); }
  bool hasCUDA() const override { return real().hasCUDA(); }
  bool hasCUDART() const override { return real().hasCUDART(); }
  bool hasMAGMA() const override { return real().hasMAGMA(); }
  bool hasCuDNN() const override { return real().hasCuDNN(); }
  bool hasCuSOLVER() const override { return real().hasCuSOLVER(); }
  bool hasCuBLASLt() const override { return real().hasCuBLASLt(); }
  bool hasROCM() const override { return real().hasROCM(); }
  bool hasCKSDPA() const override { return real().hasCKSDPA(); }
  bool hasCKGEMM() const override { return real().hasCKGEMM(); }
  const at::cuda::NVRTC& nvrtc() const override { return real().nvrtc(); }
  bool hasPrimaryContext(DeviceIndex device) const override { return real().hasPrimaryContext(device); }
  DeviceIndex deviceCount() const override { return real().deviceCount(); }
  void setCurrentDevice(DeviceIndex device) const override { real().setCurrentDevice(device); }
  DeviceIndex getCurrentDevice() const override { return real().getCurrentDevice(); }
  DeviceIndex exchangeDevice(DeviceIndex device) const override { return real().exchangeDevice(device); }
  DeviceIndex maybeExchangeDevice(DeviceIndex device) const override { return real().maybeExchangeDevice(device); }
  DeviceIndex current_device() const override { return real().current_device(); }
  Allocator* getPinnedMemoryAllocator() const override { return real().getPinnedMemoryAllocator(); }
  Allocator* getCUDADeviceAllocator() const override { return real().getCUDADeviceAllocator(); }
  bool compiledWithCuDNN() const override { return real().compiledWithCuDNN(); }
  bool compiledWithMIOpen() const override { return real().compiledWithMIOpen(); }
  bool supportsDilatedConvolutionWithCuDNN() const override { return real().supportsDilatedConvolutionWithCuDNN(); }
  bool supportsDepthwiseConvolutionWithCuDNN() const override { return real().supportsDepthwiseConvolutionWithCuDNN(); }
  bool supportsBFloat16ConvolutionWithCuDNNv8() const override {
    return real().supportsBFloat16ConvolutionWithCuDNNv8();
  }
  bool supportsBFloat16RNNWithCuDNN() const override { return real().supportsBFloat16RNNWithCuDNN(); }
  long versionCuDNN() const override { return real().versionCuDNN(); }
  long versionRuntimeCuDNN() const override { return real().versionRuntimeCuDNN(); }
  long versionCuDNNFrontend() const override { return real().versionCuDNNFrontend(); }
  long versionMIOpen() const override { return real().versionMIOpen(); }
  long versionHipBLASLt() const override { return real().versionHipBLASLt(); }
  long versionCUDART() const override { return real().versionCUDART(); }
  std::string showConfig() const override { return real().showConfig(); }
  double batchnormMinEpsilonCuDNN() const override { return real().batchnormMinEpsilonCuDNN(); }
  int64_t cuFFTGetPlanCacheMaxSize(DeviceIndex device) const override {
    return real().cuFFTGetPlanCacheMaxSize(device);
  }
  void cuFFTSetPlanCacheMaxSize(DeviceIndex device, int64_t size) const override {
    real().cuFFTSetPlanCacheMaxSize(device, size);
  }
  int64_t cuFFTGetPlanCacheSize(DeviceIndex device) const override { return real().cuFFTGetPlanCacheSize(device); }
  void cuFFTClearPlanCache(DeviceIndex device) const override { real().cuFFTClearPlanCache(device); }
  int getNumGPUs() const override { return real().getNumGPUs(); }
  void deviceSynchronize(DeviceIndex device) const override { real().deviceSynchronize(device); }

 private:
  static const Hooks& real() {
    static const Hooks none;
    const Hooks* hooks = adopted.load(std::memory_order_acquire);
    return hooks == nullptr ? none : *hooks;
  }
};

}  // namespace

void defer_cuda_hooks() {
  static const bool done = [] {
    auto& registry = *at::CUDAHooksRegistry();
    if (!registry.Has(NAME)) {  // otherwise another addon has opened CUDA, and libtorch finds it by itself
      const auto make = [](at::CUDAHooksArgs) -> std::unique_ptr<Hooks> { return std::make_unique<DeferredHooks>(); };
      registry.Register(NAME, make, c10::REGISTRY_FALLBACK);  // the hooks of libtorch take precedence
      at::detail::getCUDAHooks();                             // looks the hooks up, and keeps ours
    }
    return true;
  }();
  (void)done;
}

void adopt_cuda_hooks() {
  if (adopted.load() != nullptr) {
    return;
  }
  std::unique_ptr<Hooks> hooks = at::CUDAHooksRegistry()->Create(NAME, at::CUDAHooksArgs());
  if (dynamic_cast<const DeferredHooks*>(hooks.get()) == nullptr) {
    // Two threads that do this at the same time may keep two objects, which have no state.
    adopted.store(hooks.release(), std::memory_order_release);
  }
}

}  // namespace e2v
