// Files that appear under their names only when they are whole.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace e2v {

// A file that is written aside. What fails is remembered and the rest dropped: libtorch's archive writer throws from
// its destructor when a write fails, which would end the process.
class PartFile {
 public:
  explicit PartFile(std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  size_t write(const void* bytes, size_t size);

  const std::string& path() const { return path_; }

  // Everything is on the disk from now on. Throws CodedError ERR_FILE_WRITE when anything failed.
  void finish();

  // After finish(). Throws CodedError ERR_FILE_WRITE.
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
