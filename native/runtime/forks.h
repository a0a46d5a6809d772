// Tasks that a TorchScript method has forked (torch.jit.fork). A run that fails returns while they still go on, and
// they use the module's code and weights: it must not be given up before they have ended.
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

  // Launches tasks on libtorch's pool.
  torch::jit::TaskLauncher launcher();
  // Until all that were launched have ended.
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

}  // namespace e2v
