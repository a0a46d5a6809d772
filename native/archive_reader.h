// Reading an archive, with how far it has come.
#pragma once

#include <caffe2/serialize/file_adapter.h>
#include <caffe2/serialize/read_adapter_interface.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace e2v {

// How much of the archive that is being loaded has been read, 0 to 1; of the last one where none is. Archives load one
// at a time (task_queue.h). Safe from any thread.
double load_progress();

// The bytes of an archive, counted as they are read.
class ArchiveReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  // Throws what libtorch throws where there is no such file.
  explicit ArchiveReader(const std::string& path);

  size_t size() const override { return file_.size(); }
  size_t read(uint64_t pos, void* buffer, size_t n, const char* what = "") const override;

 private:
  caffe2::serialize::FileAdapter file_;
};

}  // namespace e2v
