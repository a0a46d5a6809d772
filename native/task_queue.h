// A first-in, first-out queue of tasks with a thread of its own. Knows nothing of Node or of libtorch.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace e2v {

class TaskQueue {
 public:
  using Task = std::function<void()>;

  enum class Thread { Stays, EndsWhenIdle };

  explicit TaskQueue(Thread thread) : stays_(thread == Thread::Stays) {}
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  // Tasks must not throw. The thread starts with the first one. False once the queue is closed.
  bool push(Task task);

  // Drops what is queued and waits for the task that runs.
  void drain();

  // Drains, and takes no task from now on. Must happen while JavaScript still runs ("exit" event): static objects that
  // libtorch makes during a run are destroyed before any older one of ours, so that a destructor would come too late.
  void close();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Task> tasks_;
  std::thread thread_;
  const bool stays_;
  bool running_ = false;  // the thread will look at tasks_ again
  bool busy_ = false;
  bool closed_ = false;
};

// The process's two queues, shared by all environments (the main thread and every worker_thread). Models run on one
// thread, so that intra-op threads are never oversubscribed; they load on the other, so that a load delays no run. The loading
// thread ends when it is idle: the OpenMP threads that it brought along would count as busy ones for ever, and OpenMP lets
// threads sleep between parallel regions where there are more of them than processors.
TaskQueue& run_queue();
TaskQueue& load_queue();

}  // namespace e2v
