#include "system/task_queue.h"

#include <algorithm>
#include <deque>
#include <system_error>
#include <utility>

#include "system/cpus.h"

namespace e2v {
namespace {

// An exception that left a thread would end the process.
void drop_errors(const TaskQueue::Task& task) {
  try {
    task();
  } catch (...) {
  }
}

}  // namespace

TaskQueue::TaskQueue(int capacity, Thread thread) : capacity_(std::max(capacity, 1)), stays_(thread == Thread::Stays) {}

TaskQueue::~TaskQueue() { close(Clock::time_point::max()); }

TaskQueue::Id TaskQueue::push(Task task, int weight, Task afterwards) {
  Queued refused{};  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  if (closed_) {
    refused.task = std::move(task);
    refused.afterwards = std::move(afterwards);
    return 0;
  }
  const Id id = next_id_++;
  queue_.push_back({id, std::clamp(weight, 1, capacity_), std::move(task), std::move(afterwards)});
  try {
    start_fitting();
  } catch (const std::system_error&) {
    if (used_ == 0) {  // otherwise a thread that ends its task takes the next one
      refused = std::move(queue_.back());
      queue_.pop_back();
      throw;
    }
  }
  return id;
}

bool TaskQueue::cancel(Id id) {
  Queued dropped{};  // destroyed after the lock is released: tasks hold models
  const std::lock_guard lock(mutex_);
  const auto found =
      std::lower_bound(queue_.begin(), queue_.end(), id, [](const Queued& queued, Id key) { return queued.id < key; });
  if (found == queue_.end() || found->id != id) {
    return false;
  }
  dropped = std::move(*found);
  queue_.erase(found);
  try {
    start_fitting();  // it may have been the wide task that the others were waiting for
  } catch (const std::system_error&) {
  }
  return true;
}

bool TaskQueue::drain(Clock::time_point deadline) {
  std::deque<Queued> dropped;  // destroyed after the lock is released
  std::unique_lock lock(mutex_);
  dropped.swap(queue_);
  const Id end = next_id_;  // tasks that are pushed from now on must not extend the wait
  const auto ended = [&] { return !runs_before(end); };
  if (deadline == Clock::time_point::max()) {  // wait_until may take it for a time in the past
    finished_.wait(lock, ended);
    return true;
  }
  return finished_.wait_until(lock, deadline, ended);
}

// The lock must be held.
bool TaskQueue::runs_before(Id end) const {
  const auto runs = [&](Id id) { return id != 0 && id < end; };
  return std::any_of(workers_.begin(), workers_.end(),
                     [&](const Worker& worker) { return runs(worker.given.id) || runs(worker.finishing); });
}

bool TaskQueue::busy() {
  const std::lock_guard lock(mutex_);
  return runs_before(next_id_);
}

bool TaskQueue::close(Clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  if (!drain(deadline)) {
    return false;
  }
  for (Worker& worker : workers_) {  // nothing adds a worker any more
    worker.wake.notify_one();
    if (worker.thread.joinable()) {
      worker.thread.join();
    }
  }
  return true;
}

// Assigns the tasks at the head of the queue that fit beside the running ones to threads. The lock must be held.
void TaskQueue::start_fitting() {
  while (!queue_.empty() && used_ + queue_.front().weight <= capacity_) {
    Worker& worker = idle_worker();
    worker.given = std::move(queue_.front());
    queue_.pop_front();
    used_ += worker.given.weight;
    worker.wake.notify_one();
  }
}

// Returns the first idle thread, which is created if there is none. The first one, because a thread that runs wide
// tasks keeps OpenMP threads of its own, which libgomp counts as busy forever: the fewer threads have run wide tasks,
// the better. A task as wide as the queue always gets the same thread.
TaskQueue::Worker& TaskQueue::idle_worker() {
  const auto found =
      std::find_if(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.given.id == 0; });
  Worker& worker = found == workers_.end() ? workers_.emplace_back() : *found;
  if (!worker.lives) {
    if (worker.thread.joinable()) {
      worker.thread.join();  // it has ended or is about to, and takes no lock any more
    }
    worker.thread = std::thread(&TaskQueue::run, this, std::ref(worker));
    worker.lives = true;
  }
  return worker;
}

void TaskQueue::run(Worker& worker) {
  std::unique_lock lock(mutex_);
  for (;;) {
    worker.wake.wait(lock, [&] { return worker.given.id != 0 || closed_ || !stays_; });
    if (worker.given.id == 0) {
      worker.lives = false;
      return;
    }
    Task task = std::move(worker.given.task), afterwards = std::move(worker.given.afterwards);
    lock.unlock();
    drop_errors(task);
    // What the task held (audio, the last reference to a model) is freed before the next task and outside the lock.
    task = nullptr;
    lock.lock();
    used_ -= worker.given.weight;
    worker.finishing = std::exchange(worker.given.id, 0);
    try {
      start_fitting();                    // this thread may be given the next task as well
    } catch (const std::system_error&) {  // no further thread can be created: queued tasks wait for the existing ones
    }
    lock.unlock();
    if (afterwards) {
      drop_errors(afterwards);
      afterwards = nullptr;
    }
    lock.lock();
    worker.finishing = 0;
    finished_.notify_all();
  }
}

TaskQueue& run_queue() {
  static TaskQueue queue(usable_cpus(), TaskQueue::Thread::Stays);
  return queue;
}

TaskQueue& load_queue() {
  static TaskQueue queue(1, TaskQueue::Thread::EndsWhenIdle);
  return queue;
}

TaskQueue& free_queue() {
  static TaskQueue queue(1, TaskQueue::Thread::EndsWhenIdle);
  return queue;
}

}  // namespace e2v
