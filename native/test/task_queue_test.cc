// Tests the guarantees of the queue, in single cases and under stress. Most useful under the thread and address
// sanitizers.
#include "system/task_queue.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "test/check.h"

namespace {

using e2v::TaskQueue;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

constexpr auto FOREVER = TaskQueue::Clock::time_point::max();

// A gate that tasks wait at.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Waits for a condition that other threads will make true. A queue that hangs ends the program.
template <typename Condition>
void until(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "a queue hangs\n");
      std::_Exit(1);
    }
    std::this_thread::sleep_for(100us);
  }
}

void weights_and_order() {
  TaskQueue queue(4, TaskQueue::Thread::Stays);
  Gate first, second;
  std::atomic<int> started{0};
  std::atomic<bool> wide{false}, narrow{false}, whole{false};
  for (int i = 0; i < 3; ++i) {
    queue.push([&] { ++started, first.wait(); }, 1);
  }
  until([&] { return started == 3; });
  queue.push([&] { wide = true, second.wait(); }, 2);
  queue.push([&] { narrow = true; }, 1);
  std::this_thread::sleep_for(20ms);
  CHECK(!wide && !narrow);  // the narrow task would fit, and does not overtake
  first.open();
  until([&] { return wide && narrow; });
  queue.push([&] { whole = true; }, 100);  // the whole capacity
  std::this_thread::sleep_for(20ms);
  CHECK(!whole);
  second.open();
  until([&] { return whole.load(); });
}

void first_threads_are_reused() {
  TaskQueue queue(3, TaskQueue::Thread::Stays);
  std::set<std::thread::id> used;
  for (int i = 0; i < 200; ++i) {  // each task is pushed as soon as the last one has notified
    std::atomic<bool> notified{false};
    queue.push([&] { used.insert(std::this_thread::get_id()); }, 1, [&] { notified = true; });
    while (!notified) {
      std::this_thread::yield();
    }
  }
  queue.drain(FOREVER);
  CHECK(used.size() == 1);
  const auto first = *used.begin();
  Gate gate;
  std::atomic<int> started{0};
  std::mutex mutex;
  for (int i = 0; i < 3; ++i) {
    queue.push([&] { ++started, gate.wait(); }, 1);
  }
  until([&] { return started == 3; });
  gate.open();
  std::thread::id ran;
  std::atomic<bool> done{false};
  queue.push([&] { ran = std::this_thread::get_id(); }, 3);
  queue.push([&] { done = true; }, 3);
  until([&] { return done.load(); });
  CHECK(ran == first);
}

void cancelling() {
  TaskQueue queue(2, TaskQueue::Thread::Stays);
  Gate gate;
  std::atomic<bool> started{false}, narrow{false};
  const auto running = queue.push([&] { started = true, gate.wait(); }, 1);
  until([&] { return started.load(); });
  auto held = std::make_shared<int>(1), notified = std::make_shared<int>(1);
  const auto wide = queue.push([held] { CHECK(false); }, 2, [notified] { CHECK(false); });
  queue.push([&] { narrow = true; }, 1);
  CHECK(held.use_count() == 2 && notified.use_count() == 2);
  CHECK(queue.cancel(wide) && held.use_count() == 1 && notified.use_count() == 1);  // cancel() has freed them
  until([&] { return narrow.load(); });                                             // it waited behind the wide task
  CHECK(!queue.cancel(wide) && !queue.cancel(running) && !queue.cancel(0) && !queue.cancel(12345));
  // Cancels from the destructor of a cancelled task: no lock is held then.
  const auto inner = queue.push([] {}, 2);
  struct Canceller {
    TaskQueue* queue;
    TaskQueue::Id id;
    ~Canceller() { CHECK(queue->cancel(id)); }
  };
  auto canceller = std::make_shared<Canceller>(&queue, inner);
  const auto outer = queue.push([canceller] {}, 2);
  canceller.reset();
  CHECK(queue.cancel(outer));
  gate.open();
}

void ending() {
  auto held = std::make_shared<int>(0);
  std::atomic<int> ran{0};
  TaskQueue queue(1, TaskQueue::Thread::EndsWhenIdle);
  for (int i = 0; i < 50; ++i) {  // the thread ends and starts again
    const int before = ran;
    queue.push([&, held] { ++ran; }, 1);
    until([&] { return ran == before + 1; });
    std::this_thread::sleep_for(i % 2 == 0 ? 0us : 300us);
  }
  Gate gate;
  std::atomic<bool> started{false}, ended{false}, notified{false};
  queue.push([&] { started = true, gate.wait(), ended = true; }, 1,
             [&] { std::this_thread::sleep_for(5ms), notified = true; });
  until([&] { return started.load(); });
  queue.push([held] { CHECK(false); }, 1);
  std::thread opener([&] { std::this_thread::sleep_for(10ms), gate.open(); });
  queue.drain(FOREVER);
  CHECK(ended && notified);
  CHECK(held.use_count() == 1);
  opener.join();
  queue.push([&] { ++ran; }, 1);  // a drained queue is not closed
  until([&] { return ran == 51; });
  queue.close(FOREVER);
  CHECK(queue.push([held] { CHECK(false); }, 1) == 0);
  CHECK(held.use_count() == 1);
  queue.close(FOREVER);
}

// drain() and close() wait for a task that does not end until the deadline, and no longer.
void deadlines() {
  TaskQueue queue(1, TaskQueue::Thread::Stays);
  Gate gate;
  std::atomic<bool> ended{false};
  queue.push([&] { gate.wait(), ended = true; }, 1);
  CHECK(!queue.drain(TaskQueue::Clock::now() + 5ms));
  CHECK(!queue.close(TaskQueue::Clock::now() + 5ms));
  CHECK(queue.busy() && !ended);
  CHECK(queue.push([] { CHECK(false); }, 1) == 0);
  gate.open();
  CHECK(queue.close(FOREVER) && ended && !queue.busy());
}

// An exception of a task ends neither the thread nor the process.
void throwing_tasks() {
  TaskQueue queue(1, TaskQueue::Thread::Stays);
  std::atomic<int> after{0};
  queue.push([] { throw 1; }, 1, [&] { ++after, throw std::runtime_error("after"); });
  queue.push([&] { ++after; }, 1);
  until([&] { return after == 2; });
}

// Everything that may happen at the same time. Each task counts its runs and its destruction.
class Stress {
 public:
  Stress(int capacity, TaskQueue::Thread thread) : capacity_(capacity), queue_(capacity, thread) {}

  void run(unsigned seed, bool close_in_the_middle) {
    constexpr int PRODUCERS = 4, TASKS = 400;
    std::vector<std::thread> threads;
    for (int i = 0; i < PRODUCERS; ++i) {
      threads.emplace_back([this, i, seed] { produce(seed * 100 + i, TASKS); });
    }
    std::atomic<bool> done{false};
    std::thread drainer([&] {
      while (!done) {
        std::this_thread::sleep_for(5ms);
        queue_.drain(FOREVER);
      }
    });
    if (close_in_the_middle) {
      until([&] { return ran_ > 20; });
      queue_.close(FOREVER);
      closed_ = true;
    }
    for (auto& thread : threads) {
      thread.join();
    }
    done = true;
    drainer.join();
    until([&] { return ran_ + cancelled_ + dropped_ + refused_ == PRODUCERS * TASKS; });
    queue_.close(FOREVER);
    CHECK(used_ == 0 && ran_ > 0 && notified_ == ran_);
    CHECK(!close_in_the_middle || refused_ > 0);
    check_order();
  }

 private:
  struct Ran {
    TaskQueue::Id id;
    int weight, start, end;  // in the order of all starts and ends
  };

  // Its destruction counts the fate of a task.
  struct Fate {
    Stress& stress;
    std::atomic<bool> ran{false}, cancelled{false}, refused{false};
    explicit Fate(Stress& owner) : stress(owner) {}
    ~Fate() { ++(ran ? stress.ran_ : cancelled ? stress.cancelled_ : refused ? stress.refused_ : stress.dropped_); }
  };

  void produce(unsigned seed, int tasks) {
    std::mt19937 random(seed);
    std::vector<std::pair<TaskQueue::Id, std::weak_ptr<Fate>>> mine;
    for (int i = 0; i < tasks; ++i) {
      // Including weights that are too small or too large.
      const int weight = static_cast<int>(random() % (capacity_ + 2));
      const int counts = std::clamp(weight, 1, capacity_), length = static_cast<int>(random() % 200);
      auto fate = std::make_shared<Fate>(*this);
      auto id = std::make_shared<std::atomic<TaskQueue::Id>>(0);
      const auto given = queue_.push([this, fate, id, counts, length] { work(*fate, *id, counts, length); }, weight,
                                     [this] { ++notified_; });
      *id = given;
      fate->refused = given == 0;
      mine.emplace_back(given, fate);
      fate.reset();
      if (random() % 4 == 0) {
        cancel(mine[random() % mine.size()]);
      }
      if (random() % 8 == 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      }
    }
  }

  void cancel(const std::pair<TaskQueue::Id, std::weak_ptr<Fate>>& task) {
    // Marked before the call, because the task is gone afterwards; the mark is removed if the task runs instead.
    if (const auto fate = task.second.lock()) {
      fate->cancelled = true;
    }
    const bool cancelled = queue_.cancel(task.first);
    CHECK(!cancelled || task.second.expired());
    if (const auto fate = task.second.lock(); fate && !cancelled) {
      fate->cancelled = false;
    }
  }

  void work(Fate& fate, const std::atomic<TaskQueue::Id>& id, int weight, int length) {
    const int start = events_++;
    CHECK((used_ += weight) <= capacity_);
    CHECK(!closed_);
    CHECK(!fate.ran.exchange(true));
    std::this_thread::sleep_for(std::chrono::microseconds(length));
    used_ -= weight;
    until([&] { return id != 0; });
    const std::lock_guard lock(mutex_);
    done_.push_back({id, weight, start, events_++});
  }

  // Tasks start in the order in which they were pushed, which differs slightly from the order in which threads reach
  // their first lines. But all tasks before a task have started by then, so that those of them that are not done must
  // fit beside it.
  void check_order() const {
    std::set<TaskQueue::Id> ids;
    int crowded = 0;
    for (const Ran& task : done_) {
      CHECK(ids.insert(task.id).second);
      int weight = 0;
      for (const Ran& other : done_) {
        weight += other.id <= task.id && other.end > task.start ? other.weight : 0;
      }
      crowded += weight > capacity_;
    }
    CHECK(crowded == 0);
  }

  const int capacity_;
  std::atomic<int> used_{0}, events_{0}, ran_{0}, notified_{0}, cancelled_{0}, dropped_{0}, refused_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<Ran> done_;
  TaskQueue queue_;  // last, so that its threads end before the members that they use are destroyed
};

}  // namespace

int main() {
  weights_and_order();
  first_threads_are_reused();
  cancelling();
  ending();
  deadlines();
  throwing_tasks();
  unsigned seed = 1;
  for (const int capacity : {1, 2, 3, 8}) {
    for (const auto thread : {TaskQueue::Thread::Stays, TaskQueue::Thread::EndsWhenIdle}) {
      for (const bool close : {false, true}) {
        Stress(capacity, thread).run(seed++, close);
      }
    }
  }
  return failures == 0 ? 0 : 1;
}
