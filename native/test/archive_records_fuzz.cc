// The reader of a zip's directory with any bytes for a file: libFuzzer, under the address and undefined behaviour
// sanitizers.
#include "archive/archive_records.h"

#include <algorithm>
#include <cstring>

#include "system/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = [&](uint64_t position, void* buffer, size_t count) -> size_t {
    if (position >= size) {
      return 0;
    }
    const size_t there = std::min<uint64_t>(count, size - position);
    std::memcpy(buffer, data + position, there);
    return there;
  };
  try {
    e2v::ArchiveRecords records(size, read);
    for (uint64_t at = 0; at < size; at += 7) {  // as libtorch reads: pieces of any size, in order and out of it
      records.check(at, data + at, std::min<uint64_t>(size - at, 11));
    }
    records.damaged();
  } catch (const e2v::CodedError&) {
  }
  return 0;
}
