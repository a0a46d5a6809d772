// Tests the guarantees of the queue under stress. Most useful under the thread and address sanitizers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "system/task_queue.h"
#include "test/check.h"
#include "test/gate.h"

namespace {

using e2v::TaskQueue;
using std::chrono_literals::operator""ms;

constexpr auto FOREVER = TaskQueue::Clock::time_point::max();

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
