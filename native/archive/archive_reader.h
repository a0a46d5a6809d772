// Reading an archive, and telling how far that has come.
#pragma once

#include <caffe2/serialize/file_adapter.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>

#include <map>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "archive/archive_records.h"
#include "system/error.h"

namespace e2v {

// How far one load has come. Safe from any thread.
class LoadProgress {
 public:
  // Of the archive that has been read, 0 to 1; 0 before its turn has come, and where the module was loaded already.
  double fraction() const;

 private:
  friend class ArchiveReader;
  std::atomic<uint64_t> bytes_read_{0}, bytes_total_{0};
};

// The bytes of an archive, counted and checked as they are read.
class ArchiveReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  // Throws what libtorch throws where there is no such file, and CodedError ERR_MODEL_LOAD where it is damaged.
  ArchiveReader(const std::string& path, std::shared_ptr<LoadProgress> progress);

  size_t size() const override { return file_.size(); }
  // Nothing of a record that is damaged.
  size_t read(uint64_t pos, void* buffer, size_t n, const char* what = "") const override;

  // Reads the records whose checksum is of what they unpack to. Throws CodedError ERR_MODEL_LOAD.
  void check_compressed(caffe2::serialize::PyTorchStreamReader& reader) const;
  // How many records of tensors' data there are of each size, unpacked.
  const std::map<uint64_t, size_t>& record_sizes() const { return records_.sizes(); }
  // The error that tells of a damaged record, in place of what libtorch made of it; nothing where none is known.
  std::optional<CodedError> damage() const;

 private:
  caffe2::serialize::FileAdapter file_;
  mutable ArchiveRecords records_;
  std::shared_ptr<LoadProgress> progress_;
};

}  // namespace e2v
