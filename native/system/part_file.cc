#include "system/part_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "system/error.h"

namespace e2v {

PartFile::PartFile(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb")) {
  error_ = file_ == nullptr ? errno : 0;
}

PartFile::~PartFile() {
  close();
  if (!renamed_) {
    std::remove(path_.c_str());
  }
}

size_t PartFile::write(const void* bytes, size_t size) {
  if (error_ == 0 && std::fwrite(bytes, 1, size, file_) != size) {
    error_ = errno;
  }
  return size;
}

void PartFile::finish() {
  if (error_ == 0 && (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0)) {
    error_ = errno;
  }
  close();
  check();
}

void PartFile::rename(const std::string& to) {
  if (std::rename(path_.c_str(), to.c_str()) != 0) {
    error_ = errno;
  }
  check();
  renamed_ = true;  // the new name may be the same as the old one
}

void PartFile::check() const {
  if (error_ != 0) {
    throw CodedError("ERR_FILE_WRITE", std::generic_category().message(error_));
  }
}

void PartFile::close() {
  if (file_ != nullptr && std::fclose(file_) != 0 && error_ == 0) {
    error_ = errno;
  }
  file_ = nullptr;
}

}  // namespace e2v
