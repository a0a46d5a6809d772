#include "system/shutdown.h"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>

#include "system/task_queue.h"

namespace e2v {
namespace {

using Clock = TaskQueue::Clock;

constexpr const char* VARIABLE = "EMOTION2VEC_EXIT_WAIT_MS";
constexpr long DEFAULT_MS = 5000;
constexpr long MAX_MS = 24L * 3600 * 1000;

long wait_ms() {
  const char* given = std::getenv(VARIABLE);
  if (given == nullptr || *given == '\0') {
    return DEFAULT_MS;
  }
  char* end = nullptr;
  const long ms = std::strtol(given, &end, 10);
  return *end == '\0' && ms >= 0 && ms <= MAX_MS ? ms : DEFAULT_MS;
}

std::array<TaskQueue*, 3> queues() { return {&run_queue(), &load_queue(), &free_queue()}; }

void print_line(const std::string& line) {
  // A stream is not used, because the running work may hold its lock.
  static_cast<void>(!write(STDERR_FILENO, line.data(), line.size()));
}

// Runs before the destructors of static objects, because it is registered after them: running work still uses those
// objects.
void end_at_once(int status, void*) {
  for (TaskQueue* queue : queues()) {
    if (queue->busy()) {
      _exit(status);
    }
  }
}

void leave_running(long waited) {
  static std::once_flag once;
  std::call_once(once, [&] {
    on_exit(end_at_once, nullptr);
    print_line("emotion2vec-node: a model is still running " + std::to_string(waited) +
               " ms after the shutdown began and cannot be interrupted; the process ends without it (" + VARIABLE +
               ")\n");
  });
}

template <typename Wait>
void wait_for_queues(const Wait& wait) {
  const long ms = wait_ms();
  const auto deadline = Clock::now() + std::chrono::milliseconds(ms);
  bool ended = true;
  for (TaskQueue* queue : queues()) {
    ended = wait(*queue, deadline) && ended;
  }
  if (!ended) {
    leave_running(ms);
  }
}

}  // namespace

void drain_queues() {
  wait_for_queues([](TaskQueue& queue, Clock::time_point deadline) { return queue.drain(deadline); });
}

void close_queues() {
  wait_for_queues([](TaskQueue& queue, Clock::time_point deadline) { return queue.close(deadline); });
}

}  // namespace e2v
