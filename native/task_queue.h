// A first-in, first-out queue of tasks with a thread of its own. Knows nothing of Node or of libtorch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace e2v {

class TaskQueue {
 public:
  using Task = std::function<void()>;

  TaskQueue() = default;
  // Drops what is queued and waits for the task that runs: its thread must be gone before libtorch's static objects are.
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  // Tasks must not throw. The thread starts with the first one. False once the queue is being destroyed.
  bool push(Task task);

  // True from the moment that the process exits: nobody is left to hear of a task's end.
  bool stopping() const { return stopping_; }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
};

// The process's two queues, shared by all environments (the main thread and every worker_thread). Models run on one
// thread, so that intra-op threads are never oversubscribed; they load on the other, so that a load delays no run.
TaskQueue& run_queue();
TaskQueue& load_queue();

}  // namespace e2v
