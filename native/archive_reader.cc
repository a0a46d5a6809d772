#include "archive_reader.h"

#include <algorithm>
#include <atomic>

namespace e2v {
namespace {

std::atomic<uint64_t> bytes_read{0}, bytes_total{0};

}  // namespace

double load_progress() {
  const uint64_t total = bytes_total.load();
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(bytes_read.load()) / static_cast<double>(total));
}

ArchiveReader::ArchiveReader(const std::string& path) : file_(path) {
  bytes_read = 0;
  bytes_total = file_.size();
}

size_t ArchiveReader::read(uint64_t pos, void* buffer, size_t n, const char* what) const {
  const size_t count = file_.read(pos, buffer, n, what);
  bytes_read += count;
  return count;
}

}  // namespace e2v
