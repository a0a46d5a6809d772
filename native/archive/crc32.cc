#include "archive/crc32.h"

#include <immintrin.h>

#include <array>

namespace e2v {
namespace {

constexpr uint32_t POLYNOMIAL = 0xedb88320;

constexpr auto TABLES = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? POLYNOMIAL : 0);
    }
    tables[0][i] = value;
  }
  for (size_t table = 1; table < tables.size(); ++table) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t value = tables[table - 1][i];
      tables[table][i] = (value >> 8) ^ tables[0][value & 255];
    }
  }
  return tables;
}();

// Both functions take and return the inverted checksum.
uint32_t by_table(uint32_t crc, const uint8_t* bytes, size_t size) {
  for (; size >= 8; bytes += 8, size -= 8) {
    crc ^= static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
           static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
    crc = TABLES[7][crc & 255] ^ TABLES[6][(crc >> 8) & 255] ^ TABLES[5][(crc >> 16) & 255] ^ TABLES[4][crc >> 24] ^
          TABLES[3][bytes[4]] ^ TABLES[2][bytes[5]] ^ TABLES[1][bytes[6]] ^ TABLES[0][bytes[7]];
  }
  for (; size > 0; ++bytes, --size) {
    crc = (crc >> 8) ^ TABLES[0][(crc ^ *bytes) & 255];
  }
  return crc;
}

#define FOLDING __attribute__((target("pclmul,sse4.1")))

// Carries `sum` over the number of bytes that the constants are for, and adds the next block.
FOLDING __m128i fold(__m128i sum, __m128i constants, __m128i next) {
  return _mm_xor_si128(
      _mm_xor_si128(_mm_clmulepi64_si128(sum, constants, 0x00), _mm_clmulepi64_si128(sum, constants, 0x11)), next);
}

FOLDING __m128i block(const uint8_t* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); }

// V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), with its
// constants for the reflected polynomial of zip. `size` is a multiple of 16 and at least 64.
FOLDING uint32_t by_folding(uint32_t crc, const uint8_t* bytes, size_t size) {
  const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i to_64 = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low_halves = _mm_setr_epi32(-1, 0, -1, 0);
  __m128i sums[]{_mm_xor_si128(block(bytes), _mm_cvtsi32_si128(static_cast<int>(crc))), block(bytes + 16),
                 block(bytes + 32), block(bytes + 48)};
  for (bytes += 64, size -= 64; size >= 64; bytes += 64, size -= 64) {
    for (size_t i = 0; i < 4; ++i) {
      sums[i] = fold(sums[i], by_64, block(bytes + 16 * i));
    }
  }
  __m128i sum = fold(fold(fold(sums[0], by_16, sums[1]), by_16, sums[2]), by_16, sums[3]);
  for (; size >= 16; bytes += 16, size -= 16) {
    sum = fold(sum, by_16, block(bytes));
  }
  sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by_16, 0x10));
  sum = _mm_xor_si128(_mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), to_64, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(sum, low_halves), barrett, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_halves), barrett, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, quotient), 1));
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  return can;
}

}  // namespace

uint32_t crc32(uint32_t before, const void* bytes, size_t size) {
  uint32_t crc = ~before;
  const auto* at = static_cast<const uint8_t*>(bytes);
  if (size >= 64 && can_fold()) {
    const size_t whole = size / 16 * 16;
    crc = by_folding(crc, at, whole);
    at += whole;
    size -= whole;
  }
  return ~by_table(crc, at, size);
}

}  // namespace e2v
