#include "archive/archive_reader.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "archive/crc32.h"
#include "archive/damage.h"

namespace e2v {
namespace {

CodedError wrong_checksum(const std::string& record) {
  return damaged_archive(record + " does not match its checksum");
}

}  // namespace

double LoadProgress::fraction() const {
  const uint64_t total = bytes_total_.load();
  return total == 0 ? 0 : std::min(1.0, static_cast<double>(bytes_read_.load()) / static_cast<double>(total));
}

ArchiveReader::ArchiveReader(const std::string& path, std::shared_ptr<LoadProgress> progress)
    : file_(path),
      records_(file_.size(),
               [this](uint64_t position, void* buffer, size_t size) { return file_.read(position, buffer, size); }),
      progress_(std::move(progress)) {
  progress_->bytes_total_ = file_.size();
}

size_t ArchiveReader::read(uint64_t pos, void* buffer, size_t n, const char* what) const {
  const size_t count = file_.read(pos, buffer, n, what);
  progress_->bytes_read_ += count;
  return records_.check(pos, buffer, count) ? count : 0;
}

void ArchiveReader::check_compressed(caffe2::serialize::PyTorchStreamReader& reader) const {
  for (const ArchiveRecords::Record& record : records_.compressed()) {
    const auto [bytes, size] = reader.getRecord(record.name);
    if (crc32(0, bytes.get(), size) != record.crc) {
      throw wrong_checksum(record.name);
    }
  }
}

std::optional<CodedError> ArchiveReader::damage() const {
  const std::string name = records_.damaged();
  return name.empty() ? std::nullopt : std::optional(wrong_checksum(name));
}

}  // namespace e2v
