// A first-in, first-out queue of tasks with a budget of processors and with threads of its own. It uses neither Node
// nor libtorch.
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
  using Id = uint64_t;  // identifies a task in its queue; never 0

  enum class Thread { Stays, EndsWhenIdle };

  // `capacity` is the number of processors that running tasks may occupy, at least 1.
  TaskQueue(int capacity, Thread thread);
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  int capacity() const { return capacity_; }

  // Adds a task and returns its id, or 0 if the queue is closed. `weight` is the number of processors that the task
  // occupies; a weight above the capacity counts as the capacity. Tasks start in the order in which they were pushed: a
  // narrow task that would fit does not overtake a wide one, which might otherwise never start. `afterwards` runs on
  // the same thread once the next task may use the processors. It serves to notify code that may push the next task,
  // which then finds this thread idle instead of a thread that was never used. Exceptions of both are dropped. Throws
  // std::system_error if there is no thread and none can be created.
  Id push(Task task, int weight, Task afterwards = {});

  // Removes a task that has not started and returns true; else returns false. The destructor of the task runs on the
  // thread of the caller.
  bool cancel(Id id);

  using Clock = std::chrono::steady_clock;

  // Drops queued tasks and waits for running ones. Returns false if tasks are still running at `deadline`.
  bool drain(Clock::time_point deadline);

  // Drains the queue and makes it accept no further task. It must be called while JavaScript still runs ("exit" event):
  // static objects that libtorch creates during a run are destroyed before any older object of ours, so that a
  // destructor would be too late. Returns false if tasks are still running at `deadline`; they continue.
  bool close(Clock::time_point deadline);

  // Whether a task is running.
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
    Queued given{};      // the task to run, or the running one; its id is 0 when idle
    Id finishing = 0;    // id of the task whose `afterwards` is running, or 0
    bool lives = false;  // the thread will read `given` again
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
  std::deque<Worker> workers_;  // only grows
  Id next_id_ = 1;
  int used_ = 0;  // sum of the weights of running tasks
  bool closed_ = false;
};

// The queues of the process, which all environments (the main thread and every worker_thread) share. Runs of models
// share the processors, each with its number of intra-op threads as weight, so that they never oversubscribe the
// processors. Models load in a second queue, one at a time, so that a load delays no run. Models are freed in a third
// queue, which waits for neither. The threads of the latter two end when they are idle: libgomp would count the OpenMP
// threads that they created as busy forever, and lets threads sleep between parallel regions if there are more of them
// than processors.
TaskQueue& run_queue();
TaskQueue& load_queue();
TaskQueue& free_queue();

}  // namespace e2v
