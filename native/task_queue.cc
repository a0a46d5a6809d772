#include "task_queue.h"

#include <utility>

namespace e2v {

TaskQueue::~TaskQueue() {
  std::deque<Task> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(tasks_);
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool TaskQueue::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return false;
    }
    tasks_.push_back(std::move(task));
    if (!thread_.joinable()) {
      thread_ = std::thread(&TaskQueue::run, this);
    }
  }
  wake_.notify_one();
  return true;
}

void TaskQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) {
      return;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it held (audio, a model's last reference) goes before the next one, outside the lock
    lock.lock();
  }
}

// Function-local: made on first use, which is after libtorch was opened, so destroyed at exit before libtorch's statics.
TaskQueue& run_queue() {
  static TaskQueue queue;
  return queue;
}

TaskQueue& load_queue() {
  static TaskQueue queue;
  return queue;
}

}  // namespace e2v
