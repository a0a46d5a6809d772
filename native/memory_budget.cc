#include "memory_budget.h"

#include <c10/util/Exception.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "memory.h"

namespace e2v {
namespace {

constexpr const char* REFUSAL = "Not enough memory: ";

constexpr int64_t LARGE = 1024 * 1024;          // smaller blocks do not ask the system
constexpr int64_t MARGIN = 32 * LARGE;          // for what is no tensor: JavaScript, decoders, oneDNN
constexpr std::chrono::milliseconds FRESH{100};  // reading what is left takes some 50 us

thread_local MemoryScope* active = nullptr;

using Clock = std::chrono::steady_clock;

// What the system had when it was last asked, less what was allocated since.
std::atomic<int64_t> room{0};
std::atomic<Clock::rep> asked{0};

std::string megabytes(int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text.data();
}

int64_t ask_system() {
  const int64_t available = allocatable_memory();
  room = available;
  asked = Clock::now().time_since_epoch().count();
  return available;
}

void require_room(int64_t bytes) {
  const Clock::duration age = Clock::now().time_since_epoch() - Clock::duration(asked.load());
  if (age > FRESH || room.load() < bytes + MARGIN) {
    const int64_t available = ask_system();
    TORCH_CHECK_WITH(OutOfMemoryError, available >= bytes + MARGIN, REFUSAL, megabytes(bytes),
                     " are wanted and the system, or the control group's limit, leaves ", megabytes(available));
  }
  room -= bytes;
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
}

void count_memory(int64_t bytes) {
  room -= bytes;
  if (active != nullptr && active->budget_ != nullptr) {
    active->budget_->count(bytes);
    active->taken_ += bytes;
  }
}

size_t find_refusal(const std::string& message) { return message.find(REFUSAL); }

}  // namespace e2v
