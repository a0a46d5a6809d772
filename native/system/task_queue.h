// A first-in, first-out queue of tasks with a budget of processors and threads of its own. Knows nothing of Node or of
// libtorch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace e2v {

class TaskQueue {
 public:
  using Task = std::function<void()>;
  using Id = uint64_t;  // of a task in its queue; never 0

  enum class Thread { Stays, EndsWhenIdle };

  // `capacity`: the processors that running tasks may keep busy, at least 1.
  TaskQueue(int capacity, Thread thread);
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  int capacity() const { return capacity_; }

  // What tasks throw is dropped. `weight` says how many processors a task keeps busy; more than the capacity counts as
  // all of it. Tasks start in the order in which they come: a wide one is not overtaken by a narrow one that would fit,
  // or else it might never start. `afterwards` follows on the same thread once the next task may have the processors,
  // for telling somebody who may push the next one: that one finds this thread idle, and not just one that was never
  // used. 0 once the queue is closed. Throws std::system_error where there is no thread and none can be made.
  Id push(Task task, int weight, Task afterwards = {});

  // True when the task had not started: it is gone by then. Its destructor runs here, on the caller's thread.
  bool cancel(Id id);

  using Clock = std::chrono::steady_clock;

  // Drops what is queued and waits for the tasks that run. False where they run still at `deadline`.
  bool drain(Clock::time_point deadline);

  // Drains, and takes no task from now on. Must happen while JavaScript still runs ("exit" event): static objects that
  // libtorch makes during a run are destroyed before any older one of ours, so that a destructor would come too late.
  // False where tasks run still at `deadline`: they go on.
  bool close(Clock::time_point deadline);

  // Whether a task runs.
  bool busy();

 private:
  struct Queued {
    Id id;
    int weight;
    Task task, afterwards;
  };
  struct Worker {
    std::thread thread;
    std::condition_variable wake;
    Queued given{};      // what it is to run, or runs; its id is 0 when idle
    Id finishing = 0;    // the task whose `afterwards` it runs, or 0
    bool lives = false;  // the thread will look at `given` again
  };

  bool runs_before(Id end) const;
  void start_fitting();
  Worker& idle_worker();
  void run(Worker& worker);

  const int capacity_;
  const bool stays_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::deque<Queued> queue_;
  std::deque<Worker> workers_;  // grows only
  Id next_id_ = 1;
  int used_ = 0;  // the weights of running tasks
  bool closed_ = false;
};

// The process's queues, shared by all environments (the main thread and every worker_thread). Runs of models share the
// processors that there are, each with the weight of its intra-op threads, so that these are never oversubscribed.
// Models load beside them, one at a time, so that a load delays no run. Models are freed in a third queue, which waits
// for neither. The threads of the latter two end when they
// are idle: OpenMP threads that they brought along would count as busy ones for ever, and OpenMP lets threads sleep
// between parallel regions where there are more of them than processors.
TaskQueue& run_queue();
TaskQueue& load_queue();
TaskQueue& free_queue();

}  // namespace e2v
