// Memory for the intermediate tensors of a run. A run creates and drops about a thousand of them, megabytes each. The C
// library would return most of them to the system and fetch them again, zeroed, with a page fault for each 4 KiB: an
// eighth of the time of a short clip.
#pragma once

#include <cstddef>
#include <map>

namespace e2v {

// While a scope exists, blocks that tensors of its thread free are kept for the next ones. All of them are freed when
// it ends.
class ScratchScope {
 public:
  using Release = void (*)(void* block);

  // `release` returns a block to the system.
  explicit ScratchScope(Release release);
  ~ScratchScope();
  ScratchScope(const ScratchScope&) = delete;
  ScratchScope& operator=(const ScratchScope&) = delete;

  // The scope of this thread; null if there is none.
  static ScratchScope* active();

  // Returns a kept block of at least `bytes` and not much more, or null.
  void* take(size_t bytes);
  // Returns whether the block was kept; otherwise it still belongs to the caller.
  bool keep(void* block);
  // Returns all kept blocks to the system.
  void drop();

 private:
  const Release release_;
  std::multimap<size_t, void*> blocks_;  // key: usable size
};

}  // namespace e2v
