#include "runtime/forks.h"

#include <ATen/Parallel.h>

#include <functional>
#include <utility>

namespace e2v {

torch::jit::TaskLauncher Forks::launcher() {
  return [this](std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    at::launch([this, task = std::move(task)]() mutable {
      try {
        task();  // the interpreter stores an exception in a future
      } catch (...) {
      }
      task = nullptr;  // frees what the task holds before wait() can return
      const std::lock_guard lock(mutex_);
      if (--running_ == 0) {
        ended_.notify_all();
      }
    });
  };
}

void Forks::wait() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace e2v
