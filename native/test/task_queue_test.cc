// Tests the guarantees of the queue in single cases.
#include "system/task_queue.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "test/check.h"
#include "test/gate.h"

namespace {

using e2v::TaskQueue;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;

constexpr auto FOREVER = TaskQueue::Clock::time_point::max();

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

}  // namespace

int main() {
  weights_and_order();
  first_threads_are_reused();
  cancelling();
  ending();
  deadlines();
  throwing_tasks();
  return failures == 0 ? 0 : 1;
}
