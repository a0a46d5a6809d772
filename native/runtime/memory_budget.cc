#include "runtime/memory_budget.h"

#include <c10/util/Exception.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

#include "system/memory.h"

namespace e2v {
namespace {

constexpr const char* REFUSAL = "Not enough memory: ";

constexpr int64_t LARGE_BLOCK = 1024 * 1024;       // smaller blocks are allocated without a look at the system
constexpr std::chrono::milliseconds MAX_AGE{100};  // reading the available memory takes about 50 us

thread_local MemoryScope* active = nullptr;

using Clock = std::chrono::steady_clock;

// The memory that tensors hold, and what the system has left for more: the last reading, less what was allocated since.
std::atomic<int64_t> held{0}, room{0};
std::atomic<Clock::rep> updated_at{0};

std::string megabytes(int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text.data();
}

// Number of bytes of memory that this process occupies, without mapped files.
int64_t resident() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0, shared = 0;
  return file >> size >> resident >> shared ? (resident - shared) * sysconf(_SC_PAGESIZE) : 0;
}

// Reserve for memory that does not belong to tensors and grows beside them: JavaScript, decoders, oneDNN. Measured with
// five minutes of audio in control groups: 32 MB are too little with a limit of 300 MB.
int64_t margin() {
  constexpr int64_t MAX_MARGIN = 64 * LARGE_BLOCK;
  static const int64_t bytes = std::min(MAX_MARGIN, memory_limit().value_or(4 * MAX_MARGIN) / 4);
  return bytes;
}

// Reads the available memory. A page is assigned to the process when it is written, which may be long after its
// allocation: the part by which the tensors have grown more than the process is still to come, and the system does not
// know of it.
int64_t read_system() {
  static std::mutex mutex;
  static int64_t held_before = 0, resident_before = 0, untouched = 0;
  const std::lock_guard lock(mutex);
  const int64_t available = allocatable_memory(), now_held = held.load(), now_resident = resident();
  untouched += (now_held - held_before) - (now_resident - resident_before);
  untouched = std::clamp<int64_t>(untouched, 0, std::max<int64_t>(now_held, 0));
  held_before = now_held;
  resident_before = now_resident;
  room = available - untouched;
  updated_at = Clock::now().time_since_epoch().count();
  return available - untouched;
}

void require_room(int64_t bytes) {
  const Clock::duration age = Clock::now().time_since_epoch() - Clock::duration(updated_at.load());
  if (age > MAX_AGE || room.load() < bytes + margin()) {
    const int64_t left = read_system();
    TORCH_CHECK_WITH(OutOfMemoryError, left >= bytes + margin(), REFUSAL, megabytes(bytes),
                     " are needed, and the system or the limit of the control group leaves ",
                     megabytes(std::max<int64_t>(left, 0)));
  }
}

}  // namespace

void MemoryBudget::take(int64_t bytes) {
  const int64_t used = used_ += bytes;
  if (used > limit_) {
    used_ -= bytes;
    TORCH_CHECK_WITH(OutOfMemoryError, false, REFUSAL, megabytes(bytes), " more are needed, and the budget of ",
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
  if (bytes >= LARGE_BLOCK) {
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
