#include "runtime/memory_budget.h"

#include <c10/util/Exception.h>
#include <unistd.h>

#include <string>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <utility>

#include "system/memory.h"

namespace e2v {
namespace {

constexpr const char* REFUSAL = "Not enough memory: ";

constexpr int64_t LARGE = 1024 * 1024;           // smaller blocks do not ask the system
constexpr std::chrono::milliseconds FRESH{100};  // reading what is left takes some 50 us

thread_local MemoryScope* active = nullptr;

using Clock = std::chrono::steady_clock;

// What tensors have, and what the system has left for more: as it was last asked, less what was allocated since.
std::atomic<int64_t> held{0}, room{0};
std::atomic<Clock::rep> asked{0};

std::string megabytes(int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text.data();
}

// Of this process, in bytes: memory that is there, files apart.
int64_t resident() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0, shared = 0;
  return file >> size >> resident >> shared ? (resident - shared) * sysconf(_SC_PAGESIZE) : 0;
}

// For what is no tensor and grows beside them: JavaScript, decoders, oneDNN. Measured with five minutes of audio in
// control groups: 32 MB are too little where 300 MB are the limit.
int64_t margin() {
  constexpr int64_t MOST = 64 * LARGE;
  static const int64_t bytes = std::min(MOST, memory_limit().value_or(4 * MOST) / 4);
  return bytes;
}

// Memory becomes the process's when it is written, which may be long after it was allocated: what tensors have grown by
// and the process has not is still to come, and the system does not know of it.
int64_t ask_system() {
  static std::mutex mutex;
  static int64_t held_before = 0, resident_before = 0, untouched = 0;
  const std::lock_guard lock(mutex);
  const int64_t available = allocatable_memory(), now_held = held.load(), now_resident = resident();
  untouched += (now_held - held_before) - (now_resident - resident_before);
  untouched = std::clamp<int64_t>(untouched, 0, std::max<int64_t>(now_held, 0));
  held_before = now_held;
  resident_before = now_resident;
  room = available - untouched;
  asked = Clock::now().time_since_epoch().count();
  return available - untouched;
}

void require_room(int64_t bytes) {
  const Clock::duration age = Clock::now().time_since_epoch() - Clock::duration(asked.load());
  if (age > FRESH || room.load() < bytes + margin()) {
    const int64_t left = ask_system();
    TORCH_CHECK_WITH(OutOfMemoryError, left >= bytes + margin(), REFUSAL, megabytes(bytes),
                     " are wanted and the system, or the control group's limit, leaves ",
                     megabytes(std::max<int64_t>(left, 0)));
  }
}

}  // namespace

void MemoryBudget::take(int64_t bytes) {
  const int64_t used = used_ += bytes;
  if (used > limit_) {
    used_ -= bytes;
    TORCH_CHECK_WITH(OutOfMemoryError, false, REFUSAL, megabytes(bytes), " more are wanted and the budget of ",
                     megabytes(limit_), " has ", megabytes(limit_ - used + bytes), " left");
  }
}

MemoryScope::MemoryScope(std::shared_ptr<MemoryBudget> budget)
    : budget_(std::move(budget)), outer_(std::exchange(active, this)) {}

MemoryScope::~MemoryScope() {
  active = outer_;
  if (budget_ != nullptr) {
    budget_->count(-taken_);
  }
}

void take_memory(int64_t bytes) {
  if (bytes >= LARGE) {
    require_room(bytes);
  }
  if (active != nullptr && active->budget_ != nullptr) {
    active->budget_->take(bytes);
    active->taken_ += bytes;
  }
  held += bytes;
  room -= bytes;
}

void count_memory(int64_t bytes) {
  if (active != nullptr && active->budget_ != nullptr) {
    active->budget_->count(bytes);
    active->taken_ += bytes;
  }
  held += bytes;
  room -= bytes;
}

size_t find_refusal(const std::string& message) { return message.find(REFUSAL); }

}  // namespace e2v
