// The memory of the fake device. It is memory of the host, so that CPU kernels can work on it, and it is protected from
// all other code: code that takes the address of a device tensor for one of the host crashes, as it would with a GPU.
// Blocks behave like those of the caching allocator: a freed block stays reserved until emptyCache() or until another
// block would not fit.
#pragma once

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace fake {

inline uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

// The real library finds no devices if the driver does not match it.
inline const bool has_driver = setting("FAKE_CUDA_INIT", 0) == 0 && setting("FAKE_CUDA_DRIVER", 13000) >= 13000;
inline const auto devices = static_cast<c10::DeviceIndex>(has_driver ? setting("FAKE_CUDA_DEVICES", 1) : 0);

inline thread_local c10::DeviceIndex current_device = 0;

inline std::string in_units(size_t bytes) {
  constexpr std::array UNITS{"bytes", "KiB", "MiB", "GiB"};
  const size_t unit = bytes < 1024 ? 0 : bytes < 1024 * 1024 ? 1 : bytes < 1024 * 1024 * 1024 ? 2 : 3;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s",
                static_cast<double>(bytes) / static_cast<double>(size_t{1} << (10 * unit)), UNITS[unit]);
  return text;
}

class Memory final : public c10::DeviceAllocator {
 public:
  // Never destroyed, because static objects of libtorch may hold tensors longer than any object of ours exists.
  static Memory& get() {
    static auto* memory = std::make_unique<Memory>().release();
    return *memory;
  }

  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device(c10::kCUDA, current_device);
    if (bytes == 0) {
      return {nullptr, nullptr, &release, device};
    }
    const std::lock_guard lock(mutex_);
    void* data = take(device.index(), bytes);
    return {data, data, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    open(to);
    open(from);
    default_copy_data(to, from, bytes);
    close(from);
    close(to);
  }

  // Makes the block that begins here readable and writable for kernels, until close() was called as often as open().
  void open(const void* data) const { change(data, 1); }
  void close(const void* data) const { change(data, -1); }

  bool initialized() override { return true; }
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  void emptyCache(c10::MempoolId_t) override {
    const std::lock_guard lock(mutex_);
    emptied_ += failed_ ? 1 : 0;
    for (c10::DeviceIndex device = 0; device < devices; ++device) {
      drop_cache(states_.at(device));
    }
  }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex device) override {
    const std::lock_guard lock(mutex_);
    return states_.at(device).stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex device) override {
    each(device, [](c10::CachingAllocator::Stat& stat) { stat.reset_accumulated(); });
  }
  void resetPeakStats(c10::DeviceIndex device) override {
    each(device, [](c10::CachingAllocator::Stat& stat) { stat.reset_peak(); });
  }
  std::pair<size_t, size_t> getMemoryInfo(c10::DeviceIndex device) override {
    const std::lock_guard lock(mutex_);
    return {limit_ - reserved(states_.at(device)), total_};
  }

 private:
  struct Block {
    size_t size;
    c10::DeviceIndex device;
    int opened = 0;
  };
  struct State {
    c10::CachingDeviceAllocator::DeviceStats stats;
    std::multimap<size_t, void*> cache;
  };

  static size_t reserved(const State& state) { return static_cast<size_t>(state.stats.reserved_bytes[0].current); }

  // A whole number of pages, because no smaller part of memory can be protected.
  static size_t rounded(size_t bytes) {
    const auto page = static_cast<size_t>(getpagesize());
    return (bytes + page - 1) / page * page;
  }

  void* take(c10::DeviceIndex device, size_t bytes) {
    State& state = states_.at(device);
    const size_t size = rounded(bytes);
    if (++allocations_ > fail_after_ && emptied_ < recovers_after_) {
      failed_ = true;
      throw_out_of_memory(device, bytes);
    }
    void* data = from_cache(state, size);
    if (data == nullptr) {
      data = from_device(device, size);
    }
    if (data == nullptr) {
      throw_out_of_memory(device, bytes);
    }
    state.stats.allocation[0].increase(1);
    state.stats.active[0].increase(1);
    state.stats.allocated_bytes[0].increase(blocks_.at(data).size);
    state.stats.active_bytes[0].increase(blocks_.at(data).size);
    return data;
  }

  // The smallest block that is large enough, unless half of it would be unused.
  static void* from_cache(State& state, size_t size) {
    const auto found = state.cache.lower_bound(size);
    if (found == state.cache.end() || found->first > 2 * size) {
      return nullptr;
    }
    void* data = found->second;
    state.cache.erase(found);
    return data;
  }

  void* from_device(c10::DeviceIndex device, size_t size) {
    State& state = states_.at(device);
    if (size > limit_ - reserved(state)) {
      ++state.stats.num_alloc_retries;
      drop_cache(state);
    }
    if (size > limit_ - reserved(state)) {
      return nullptr;
    }
    void* data = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) {
      return nullptr;
    }
    blocks_.emplace(data, Block{size, device});
    state.stats.segment[0].increase(1);
    state.stats.reserved_bytes[0].increase(size);
    ++state.stats.num_device_alloc;
    return data;
  }

  void drop_cache(State& state) {
    for (const auto& [size, data] : state.cache) {
      munmap(data, size);
      blocks_.erase(data);
      state.stats.segment[0].decrease(1);
      state.stats.reserved_bytes[0].decrease(size);
      ++state.stats.num_device_free;
    }
    state.cache.clear();
  }

  static void release(void* data) {
    if (data == nullptr) {
      return;
    }
    Memory& memory = get();
    const std::lock_guard lock(memory.mutex_);
    const Block& block = memory.blocks_.at(data);
    State& state = memory.states_.at(block.device);
    state.cache.emplace(block.size, data);
    state.stats.allocation[0].decrease(1);
    state.stats.active[0].decrease(1);
    state.stats.allocated_bytes[0].decrease(block.size);
    state.stats.active_bytes[0].decrease(block.size);
  }

  void change(const void* data, int by) const {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(data);
    if (found == blocks_.end()) {  // memory of the host, or no memory at all
      return;
    }
    Block& block = found->second;
    const bool was_open = block.opened > 0;
    block.opened += by;
    if (was_open != (block.opened > 0)) {
      mprotect(const_cast<void*>(data), block.size, was_open ? PROT_NONE : PROT_READ | PROT_WRITE);
    }
  }

  template <typename Change>
  void each(c10::DeviceIndex device, Change change) {
    const std::lock_guard lock(mutex_);
    auto& stats = states_.at(device).stats;
    for (auto* array : {&stats.allocation, &stats.segment, &stats.active, &stats.allocated_bytes, &stats.reserved_bytes,
                        &stats.active_bytes}) {
      change((*array)[0]);
    }
  }

  [[noreturn]] void throw_out_of_memory(c10::DeviceIndex device, size_t bytes) {
    State& state = states_.at(device);
    ++state.stats.num_ooms;
    const auto allocated = static_cast<size_t>(state.stats.allocated_bytes[0].current);
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate ", in_units(bytes), ". GPU ",
                     static_cast<int>(device), " has a total capacity of ", in_units(total_), " of which ",
                     in_units(limit_ - reserved(state)), " is free. Of the allocated memory ", in_units(allocated),
                     " is allocated by PyTorch, and ", in_units(reserved(state) - allocated),
                     " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
                     "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for "
                     "Memory Management  (https://docs.pytorch.org/docs/stable/notes/cuda.html#environment-variables)");
    std::abort();  // satisfies the compiler
  }

  // The memory of other processes is neither ours nor free.
  const size_t total_ = setting("FAKE_CUDA_MEMORY", uint64_t{8} << 30);
  const size_t limit_ = std::min(setting("FAKE_CUDA_LIMIT", total_), setting("FAKE_CUDA_FREE", total_));
  const uint64_t fail_after_ = setting("FAKE_CUDA_FAIL_AFTER", UINT64_MAX);
  const uint64_t recovers_after_ = setting("FAKE_CUDA_RECOVERS_AFTER", UINT64_MAX);

  mutable std::mutex mutex_;
  mutable std::unordered_map<const void*, Block> blocks_;
  std::map<c10::DeviceIndex, State> states_ = [] {
    std::map<c10::DeviceIndex, State> states;
    for (c10::DeviceIndex device = 0; device < devices; ++device) {
      states[device];
    }
    return states;
  }();
  uint64_t allocations_ = 0;
  uint64_t emptied_ = 0;  // since the first failure
  bool failed_ = false;
};

}  // namespace fake
