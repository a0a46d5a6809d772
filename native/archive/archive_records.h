// What the directory of a zip file says of its records, and whether the file agrees: libtorch checks neither checksums
// nor that a record's own header says the same, so that a changed byte would be another weight, or lead it astray. No
// libtorch in here.
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
  // Reads `size` bytes at `position`; returns how many there were.
  using Read = std::function<size_t(uint64_t position, void* buffer, size_t size)>;

  struct Record {
    std::string name;              // without the archive's own folder
    uint64_t begin = 0, size = 0;  // of its bytes in the file
    uint32_t crc = 0;
    bool compressed = false;
  };

  // Throws CodedError ERR_MODEL_LOAD where directory and records do not agree. Of a file without a directory nothing is
  // known.
  ArchiveRecords(uint64_t size, const Read& read);

  // What was read of the file. False where that makes a record whose checksum is another.
  bool check(uint64_t position, const void* bytes, size_t size);

  // Those whose checksum is of what their bytes unpack to.
  const std::vector<Record>& compressed() const { return compressed_; }

  // How many records of tensors' data there are of each size, unpacked.
  const std::map<uint64_t, size_t>& sizes() const { return sizes_; }

  // The first record that check() found to be damaged; empty where none was.
  std::string damaged() const;

 private:
  struct Progress {
    Record record;
    uint64_t next;  // the byte that is to be read next
    uint32_t crc;
  };

  mutable std::mutex mutex_;
  std::map<uint64_t, Progress> stored_;  // by their last byte
  std::vector<Record> compressed_;
  std::map<uint64_t, size_t> sizes_;
  std::string damaged_;
};

}  // namespace e2v
