#include "task_queue.h"

#include <utility>

namespace e2v {

TaskQueue::~TaskQueue() { close(); }

void TaskQueue::drain() {
  std::deque<Task> dropped;  // destroyed after the lock is released: tasks hold models
  std::unique_lock lock(mutex_);
  dropped.swap(tasks_);
  idle_.wait(lock, [this] { return !busy_; });
}

void TaskQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  drain();
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool TaskQueue::push(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return false;
    }
    tasks_.push_back(std::move(task));
    if (!running_) {
      if (thread_.joinable()) {
        thread_.join();  // it has ended, or is about to, and takes no lock any more
      }
      thread_ = std::thread(&TaskQueue::run, this);
      running_ = true;
    }
  }
  wake_.notify_one();
  return true;
}

void TaskQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return closed_ || !stays_ || !tasks_.empty(); });
    if (tasks_.empty()) {
      running_ = false;
      return;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    task();
    task = nullptr;  // what it held (audio, a model's last reference) goes before the next one, outside the lock
    lock.lock();
    busy_ = false;
    idle_.notify_all();
  }
}

TaskQueue& run_queue() {
  static TaskQueue queue(TaskQueue::Thread::Stays);
  return queue;
}

TaskQueue& load_queue() {
  static TaskQueue queue(TaskQueue::Thread::EndsWhenIdle);
  return queue;
}

}  // namespace e2v
