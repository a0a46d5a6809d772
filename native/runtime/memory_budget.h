// How much memory tensors on the CPU may use: the budget of a caller, and what the system and its control groups leave.
// A refusal is an error of one call; without it, the system would kill the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace e2v {

// The memory of one caller in bytes. Safe to use from any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit) : limit_(limit) {}

  int64_t limit() const { return limit_; }
  int64_t left() const { return limit_ - used_.load(); }

  // Throws c10::OutOfMemoryError if less is left.
  void take(int64_t bytes);
  // Counts memory that is already allocated, whatever is left.
  void count(int64_t bytes) { used_ += bytes; }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

// While a scope exists, tensors that its thread creates count towards a budget. When it ends, tensors that remain no
// longer count, because they belong to the caller. Scopes nest; the innermost one counts.
class MemoryScope {
 public:
  explicit MemoryScope(std::shared_ptr<MemoryBudget> budget);  // null means no budget
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

// Counts a block that is about to be allocated. Throws c10::OutOfMemoryError if the budget or the system has less
// memory.
void take_memory(int64_t bytes);

// Counts memory that is already allocated, or freed if `bytes` is negative.
void count_memory(int64_t bytes);

// Returns where the message of such an error begins in a longer message of TorchScript; npos if it does not occur.
size_t find_refusal(const std::string& message);

}  // namespace e2v
