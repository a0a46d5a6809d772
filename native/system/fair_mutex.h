// A shared mutex whose waiting writers block new readers. That of glibc admits readers as long as there are any, so
// that a writer would wait for the last one of many overlapping readers.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace e2v {

class FairSharedMutex {
 public:
  void lock() {
    const std::lock_guard entry(entry_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard entry(entry_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex entry_;
  std::shared_mutex mutex_;
};

}  // namespace e2v
