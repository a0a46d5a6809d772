#include "archive_reader.h"

#include <algorithm>
#include <utility>

namespace e2v {

double LoadProgress::fraction() const {
  const uint64_t total = bytes_total_.load();
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(bytes_read_.load()) / static_cast<double>(total));
}

ArchiveReader::ArchiveReader(const std::string& path, std::shared_ptr<LoadProgress> progress)
    : file_(path), progress_(std::move(progress)) {
  progress_->bytes_total_ = file_.size();
}

size_t ArchiveReader::read(uint64_t pos, void* buffer, size_t n, const char* what) const {
  const size_t count = file_.read(pos, buffer, n, what);
  progress_->bytes_read_ += count;
  return count;
}

}  // namespace e2v
