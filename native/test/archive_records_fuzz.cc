// Fuzzes the reader of the directory of a zip file with libFuzzer, under the address and undefined behavior sanitizers.
#include "archive/archive_records.h"

#include <algorithm>
#include <cstring>

#include "system/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = [&](uint64_t position, void* buffer, size_t count) -> size_t {
    if (position >= size) {
      return 0;
    }
    const size_t available = std::min<uint64_t>(count, size - position);
    std::memcpy(buffer, data + position, available);
    return available;
  };
  try {
    e2v::ArchiveRecords records(size, read);
    // Like reads of libtorch: pieces of any size, in order and out of order.
    for (uint64_t at = 0; at < size; at += 7) {
      records.check(at, data + at, std::min<uint64_t>(size - at, 11));
    }
    records.damaged();
  } catch (const e2v::CodedError&) {
  }
  return 0;
}
