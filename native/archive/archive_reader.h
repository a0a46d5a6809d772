// Reading of an archive, with its progress.
#pragma once

#include <caffe2/serialize/file_adapter.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "archive/archive_records.h"
#include "system/error.h"

namespace e2v {

// Progress of one load. Safe to use from any thread.
class LoadProgress {
 public:
  // Fraction of the archive that has been read, 0 to 1; 0 before the load starts, and if the module was already loaded.
  double fraction() const;

 private:
  friend class ArchiveReader;
  std::atomic<uint64_t> bytes_read_{0}, bytes_total_{0};
};

// The bytes of an archive, which are counted and checked as they are read.
class ArchiveReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  // Throws what libtorch throws if there is no such file, and CodedError ERR_MODEL_LOAD if it is damaged.
  ArchiveReader(const std::string& path, std::shared_ptr<LoadProgress> progress);

  size_t size() const override { return file_.size(); }
  // Reads nothing of a record that is damaged.
  size_t read(uint64_t pos, void* buffer, size_t n, const char* what = "") const override;

  // Checks the compressed records, whose checksum is that of the unpacked bytes. Throws CodedError ERR_MODEL_LOAD.
  void check_compressed(caffe2::serialize::PyTorchStreamReader& reader) const;
  // The number of tensor data records of each unpacked size.
  const std::map<uint64_t, size_t>& record_sizes() const { return records_.sizes(); }
  // The error for a damaged record, to be thrown in place of what libtorch made of it; nothing if no damage is known.
  std::optional<CodedError> damage() const;

 private:
  caffe2::serialize::FileAdapter file_;
  mutable ArchiveRecords records_;
  std::shared_ptr<LoadProgress> progress_;
};

}  // namespace e2v
