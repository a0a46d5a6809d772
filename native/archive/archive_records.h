// The records of a zip file as its directory lists them, and whether the file agrees with it. libtorch checks neither
// the checksums nor that the header of a record agrees with the directory, so that a changed byte would change a weight
// or lead libtorch astray. This code uses no libtorch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace e2v {

class ArchiveRecords {
 public:
  // Reads `size` bytes at `position`; returns the number of bytes read.
  using Read = std::function<size_t(uint64_t position, void* buffer, size_t size)>;

  struct Record {
    std::string name;              // without the archive's top folder
    uint64_t begin = 0, size = 0;  // of the bytes of the record in the file
    uint32_t crc = 0;
    bool compressed = false;
  };

  // Throws CodedError ERR_MODEL_LOAD if the directory and the records disagree. A file without a directory has no
  // records here.
  ArchiveRecords(uint64_t size, const Read& read);

  // Takes bytes that were read from the file. Returns false if they complete a record whose checksum differs.
  bool check(uint64_t position, const void* bytes, size_t size);

  // The compressed records, whose checksum is that of the unpacked bytes.
  const std::vector<Record>& compressed() const { return compressed_; }

  // The number of tensor data records of each unpacked size.
  const std::map<uint64_t, size_t>& sizes() const { return sizes_; }

  // The name of the first record that check() found damaged; empty if there is none.
  std::string damaged() const;

 private:
  struct Progress {
    Record record;
    uint64_t next;  // position of the next byte to check
    uint32_t crc;
  };

  mutable std::mutex mutex_;
  std::map<uint64_t, Progress> stored_;  // key: position of the last byte
  std::vector<Record> compressed_;
  std::map<uint64_t, size_t> sizes_;
  std::string damaged_;
};

}  // namespace e2v
