// How much memory tensors on the CPU may take: a caller's budget, and what the system and its control groups leave.
// What is refused is an error of one call; without it the system would end the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace e2v {

// The memory of one caller, in bytes. Safe from any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit) : limit_(limit) {}

  int64_t limit() const { return limit_; }
  int64_t left() const { return limit_ - used_.load(); }

  // Throws c10::OutOfMemoryError where less is left.
  void take(int64_t bytes);
  // Whatever is left: it is there already.
  void count(int64_t bytes) { used_ += bytes; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

// While one lives, tensors that this thread makes count towards a budget. At the end what is left of them does no more:
// the caller has it. Scopes nest; the inner one counts.
class MemoryScope {
 public:
  explicit MemoryScope(std::shared_ptr<MemoryBudget> budget);  // null: no budget
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

 private:
  friend void take_memory(int64_t bytes);
  friend void count_memory(int64_t bytes);

  std::shared_ptr<MemoryBudget> budget_;
  MemoryScope* outer_;
  int64_t taken_ = 0;
};

// Before a block is allocated: counts it. Throws c10::OutOfMemoryError where the budget, or the system, has less.
void take_memory(int64_t bytes);

// What there is anyway, or below zero what is gone.
void count_memory(int64_t bytes);

// Whether a message is of such an error, once it has crossed TorchScript's interpreter, and where it begins there;
// npos.
size_t find_refusal(const std::string& message);

}  // namespace e2v
