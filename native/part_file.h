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

  // Throws CodedError ERR_FILE_WRITE when anything failed.
  void rename(const std::string& to);

 private:
  void close();

  std::string path_;
  std::FILE* file_;
  int error_;
};

}  // namespace e2v
