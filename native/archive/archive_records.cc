#include "archive/archive_records.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "archive/crc32.h"
#include "archive/damage.h"

namespace e2v {
namespace {

constexpr uint32_t END_RECORD = 0x06054b50, END_LOCATOR_64 = 0x07064b50, END_RECORD_64 = 0x06064b50;
constexpr uint32_t DIRECTORY_ENTRY = 0x02014b50, RECORD_HEADER = 0x04034b50;
constexpr uint64_t END_SIZE = 22, LOCATOR_SIZE = 20, END_64_SIZE = 56, ENTRY_SIZE = 46, HEADER_SIZE = 30;
constexpr uint64_t MAX_COMMENT = 65535;
constexpr uint64_t MAX_DIRECTORY = uint64_t{64} << 20;
constexpr uint32_t IN_FIELD_64 = 0xffffffff;         // the number is in the 64-bit field of the entry
constexpr uint16_t ENCRYPTED = 1, SIZES_FOLLOW = 8;  // flags
constexpr uint64_t MAX_DEFLATE_RATIO = 1032;         // the highest ratio that deflate can reach

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  template <typename Number>
  Number at(uint64_t offset) const {  // little endian, as on this processor
    Number number{};
    if (offset + sizeof(Number) > bytes_.size()) {
      throw damaged_archive("its directory is truncated");
    }
    std::memcpy(&number, bytes_.data() + offset, sizeof(Number));
    return number;
  }
  std::string_view part(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      throw damaged_archive("its directory is truncated");
    }
    return bytes_.substr(offset, size);
  }

 private:
  std::string_view bytes_;
};

std::string read_part(const ArchiveRecords::Read& read, uint64_t position, uint64_t size) {
  std::string bytes(size, '\0');
  bytes.resize(read(position, bytes.data(), size));
  return bytes;
}

// An entry of the directory, with its 64-bit numbers.
struct Entry {
  std::string name;
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed, unpacked, header;
};

Entry read_entry(const Bytes& directory, uint64_t& offset) {
  if (directory.at<uint32_t>(offset) != DIRECTORY_ENTRY) {
    throw damaged_archive("its directory cannot be read");
  }
  const auto name_size = directory.at<uint16_t>(offset + 28), extra_size = directory.at<uint16_t>(offset + 30);
  Entry entry{std::string(directory.part(offset + ENTRY_SIZE, name_size)),
              directory.at<uint16_t>(offset + 8),
              directory.at<uint16_t>(offset + 10),
              directory.at<uint32_t>(offset + 16),
              directory.at<uint32_t>(offset + 20),
              directory.at<uint32_t>(offset + 24),
              directory.at<uint32_t>(offset + 42)};
  const Bytes extra(directory.part(offset + ENTRY_SIZE + name_size, extra_size));
  for (uint64_t at = 0; at + 4 <= extra_size;) {
    const auto kind = extra.at<uint16_t>(at), size = extra.at<uint16_t>(at + 2);
    if (kind == 1) {  // the numbers that did not fit, in this order
      uint64_t next = at + 4;
      for (uint64_t* number : {&entry.unpacked, &entry.packed, &entry.header}) {
        if (*number == IN_FIELD_64) {
          *number = extra.at<uint64_t>(next);
          next += 8;
        }
      }
    }
    at += 4 + size;
  }
  offset += ENTRY_SIZE + name_size + extra_size + directory.at<uint16_t>(offset + 32);
  return entry;
}

// Returns where the bytes of an entry begin. Its header must agree with the directory.
uint64_t begin_of(const Entry& entry, const ArchiveRecords::Read& read, uint64_t end) {
  if (entry.header > end || end - entry.header < HEADER_SIZE) {
    throw damaged_archive(entry.name + " lies outside of the file");
  }
  const std::string bytes = read_part(read, entry.header, HEADER_SIZE + entry.name.size());
  const Bytes header(bytes);
  const auto same = [&](uint64_t offset, uint64_t directory) {
    const auto own = header.at<uint32_t>(offset);
    return own == directory || own == IN_FIELD_64 || (own == 0 && (entry.flags & SIZES_FOLLOW) != 0);
  };
  if (header.at<uint32_t>(0) != RECORD_HEADER || header.at<uint16_t>(6) != entry.flags ||
      header.at<uint16_t>(8) != entry.method || header.at<uint16_t>(26) != entry.name.size() ||
      header.part(HEADER_SIZE, entry.name.size()) != entry.name || !same(14, entry.crc) || !same(18, entry.packed) ||
      !same(22, entry.unpacked)) {
    throw damaged_archive("the header of " + entry.name + " differs from the directory");
  }
  const uint64_t begin = entry.header + HEADER_SIZE + entry.name.size() + header.at<uint16_t>(28);
  if (begin > end || entry.packed > end - begin) {
    throw damaged_archive(entry.name + " is truncated");
  }
  return begin;
}

// The folders of tensor data. The oldest archives use the last one.
bool holds_data(const std::string& name) {
  return name.starts_with("data/") || name.starts_with("constants/") || name.starts_with("tensors/");
}

}  // namespace

ArchiveRecords::ArchiveRecords(uint64_t size, const Read& read) {
  const uint64_t tail_size = std::min(size, END_SIZE + MAX_COMMENT);
  const std::string tail = read_part(read, size - tail_size, tail_size);
  const size_t end = tail.rfind("PK\5\6");
  if (end == std::string::npos || tail.size() - end < END_SIZE) {
    return;
  }
  const Bytes last(tail);
  uint64_t entries = last.at<uint16_t>(end + 10), length = last.at<uint32_t>(end + 12),
           offset = last.at<uint32_t>(end + 16);
  if (end >= LOCATOR_SIZE && last.at<uint32_t>(end - LOCATOR_SIZE) == END_LOCATOR_64) {
    const auto position = last.at<uint64_t>(end - LOCATOR_SIZE + 8);
    if (position > size || size - position < END_64_SIZE) {
      throw damaged_archive("its directory lies outside of the file");
    }
    const std::string bytes = read_part(read, position, END_64_SIZE);
    const Bytes large(bytes);
    if (large.at<uint32_t>(0) != END_RECORD_64) {
      throw damaged_archive("its directory cannot be found");
    }
    entries = large.at<uint64_t>(32), length = large.at<uint64_t>(40), offset = large.at<uint64_t>(48);
  }
  if (offset > size || length > size - offset || length > MAX_DIRECTORY || entries > length / ENTRY_SIZE) {
    throw damaged_archive("its directory lies outside of the file");
  }
  const std::string bytes = read_part(read, offset, length);
  const Bytes directory(bytes);
  for (uint64_t at = 0, left = entries; left > 0; --left) {
    const Entry entry = read_entry(directory, at);
    if ((entry.flags & ENCRYPTED) != 0) {
      throw damaged_archive(entry.name + " is encrypted");
    }
    const size_t folder = entry.name.find('/');
    Record record{folder == std::string::npos ? entry.name : entry.name.substr(folder + 1),
                  begin_of(entry, read, offset), entry.packed, entry.crc, entry.method != 0};
    if (record.compressed ? entry.unpacked > MAX_DEFLATE_RATIO * (entry.packed + 16) : entry.unpacked != entry.packed) {
      throw damaged_archive("the size of " + entry.name + " is impossible");
    }
    if (holds_data(record.name)) {
      ++sizes_[entry.unpacked];
    }
    if (record.compressed) {
      compressed_.push_back(std::move(record));
    } else if (record.size > 0) {
      const uint64_t begin = record.begin, last_byte = begin + record.size - 1;
      stored_.emplace(last_byte, Progress{std::move(record), begin, 0});
    }
  }
}

bool ArchiveRecords::check(uint64_t position, const void* bytes, size_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = stored_.lower_bound(position);
  if (found == stored_.end() || position < found->second.record.begin) {
    return true;
  }
  auto& [record, next, crc] = found->second;
  if (position == record.begin) {
    next = position;
    crc = 0;
  } else if (position != next) {
    return true;  // reading did not start at the beginning: the record cannot be checked
  }
  const uint64_t count = std::min<uint64_t>(size, record.begin + record.size - position);
  crc = crc32(crc, bytes, count);
  next += count;
  if (next < record.begin + record.size || crc == record.crc) {
    return true;
  }
  damaged_ = damaged_.empty() ? record.name : damaged_;
  return false;
}

std::string ArchiveRecords::damaged() const {
  const std::lock_guard lock(mutex_);
  return damaged_;
}

}  // namespace e2v
