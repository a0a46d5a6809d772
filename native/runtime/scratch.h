// Memory for a run's intermediate tensors. A run makes and drops some thousand of them, megabytes each; the C library
// would hand most back to the system and fetch them again, zeroed, a page fault for each 4 KiB: an eighth of a short
// clip's time.
#pragma once

#include <cstddef>
#include <map>

namespace e2v {

// While one lives, what this thread's tensors give up is kept for its next ones. All of it is freed at the end.
class ScratchScope {
 public:
  using Release = void (*)(void* block);

  // `release` gives a block to the system.
  explicit ScratchScope(Release release);
  ~ScratchScope();
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

  // This thread's; null where there is none.
  static ScratchScope* active();

  // A kept block of at least `bytes` and not much more, or null.
  void* take(size_t bytes);
  // Whether the block was kept; otherwise it is still the caller's.
  bool keep(void* block);
  // Gives all that is kept to the system.
  void drop();

 private:
  const Release release_;
  std::multimap<size_t, void*> blocks_;  // by usable size
};

}  // namespace e2v
