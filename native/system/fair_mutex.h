// A shared mutex whose waiting writers hold up new readers. glibc's lets readers in as long as there are any: of many
// who overlap, a writer would wait for the last.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace e2v {

class FairSharedMutex {
 public:
  void lock() {
    const std::lock_guard turn(turn_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::lock_guard turn(turn_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex turn_;
  std::shared_mutex mutex_;
};

}  // namespace e2v
