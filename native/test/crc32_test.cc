// Compares crc32() with the bitwise definition, for all lengths around those where the method changes.
#include "archive/crc32.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "test/check.h"

namespace {

uint32_t by_definition(uint32_t before, const uint8_t* bytes, size_t size) {
  uint32_t crc = ~before;
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
  }
  return ~crc;
}

}  // namespace

int main() {
  CHECK(e2v::crc32(0, "123456789", 9) == 0xcbf43926);  // the check value of the CRC catalogues
  std::mt19937 random(1);
  std::vector<uint8_t> bytes(4096);
  for (auto& byte : bytes) {
    byte = static_cast<uint8_t>(random());
  }
  for (size_t size = 0; size < 300; ++size) {
    for (const size_t offset : {0, 1, 7}) {
      CHECK(e2v::crc32(0, bytes.data() + offset, size) == by_definition(0, bytes.data() + offset, size));
    }
  }
  for (const size_t split : {0, 1, 63, 64, 65, 2000, 4095, 4096}) {
    CHECK(e2v::crc32(e2v::crc32(0, bytes.data(), split), bytes.data() + split, bytes.size() - split) ==
          by_definition(0, bytes.data(), bytes.size()));
  }
  return failures == 0 ? 0 : 1;
}
