// Tasks that a TorchScript method has forked (torch.jit.fork). A run that fails returns while they are still running.
// They use the code and the weights of the module, which must not be freed before they have ended.
#pragma once

#include <ATen/core/function.h>

#include <condition_variable>
#include <mutex>

namespace e2v {

class Forks {
 public:
  Forks() = default;
  ~Forks() { wait(); }
  Forks(const Forks&) = delete;
  Forks& operator=(const Forks&) = delete;

  // Returns a launcher that runs tasks on libtorch's pool.
  torch::jit::TaskLauncher launcher();
  // Waits until all launched tasks have ended.
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

}  // namespace e2v
