// Files that appear under their final name only once they are complete.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace e2v {

// A file that is written under a temporary name. A failure is remembered and further data is dropped, because the
// archive writer of libtorch throws from its destructor when a write fails, which would end the process.
class PartFile {
 public:
  explicit PartFile(std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  size_t write(const void* bytes, size_t size);

  const std::string& path() const { return path_; }

  // Flushes the file to the disk. Throws CodedError ERR_FILE_WRITE if anything failed.
  void finish();

  // Call it after finish(). Throws CodedError ERR_FILE_WRITE.
  void rename(const std::string& to);

 private:
  void close();
  void check() const;

  std::string path_;
  std::FILE* file_;
  int error_;
  bool renamed_ = false;
};

}  // namespace e2v
