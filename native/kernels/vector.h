// Vectors of LANES floats, and the functions on them that the kernels share. Everything has internal linkage, because
// each instruction set has its own copy, and the linker must not merge them.
#pragma once

namespace e2v {
namespace {

typedef float Vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int IntVec __attribute__((vector_size(LANES * sizeof(int))));
typedef unsigned UintVec __attribute__((vector_size(LANES * sizeof(int))));
// Vectors in memory, without alignment.
typedef float LooseVec __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int LooseIntVec __attribute__((vector_size(LANES * sizeof(int)), aligned(4), may_alias));
typedef unsigned short ShortVec __attribute__((vector_size(LANES * sizeof(short)), aligned(2), may_alias));
typedef unsigned char ByteVec __attribute__((vector_size(LANES), aligned(1), may_alias));

constexpr float MIN_EXPONENT = -87.0f;  // exp_of() returns 0 below this, where the true value is at most 2e-38

inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }
inline Vec smaller(Vec a, Vec b) { return a < b ? a : b; }

inline float sum_of(Vec x) {
  float sum = 0;
  for (int i = 0; i < LANES; ++i) {
    sum += x[i];
  }
  return sum;
}

// The type of bfloat16, which is the upper half of a float.
struct Bf16 {
  unsigned short bits;
};

inline Vec load(const float* from) { return *reinterpret_cast<const LooseVec*>(from); }
inline void store(Vec x, float* to) { *reinterpret_cast<LooseVec*>(to) = x; }
inline float widen(float x) { return x; }
inline void narrow(float x, float* to) { *to = x; }

inline Vec load(const Bf16* from) {
  const ShortVec bits = *reinterpret_cast<const ShortVec*>(from);
  return (Vec)(__builtin_convertvector(bits, UintVec) << 16);
}

// Rounds to the nearest value, ties to even.
inline void store(Vec x, Bf16* to) {
  UintVec bits = (UintVec)x;
  bits += 0x7fffu + ((bits >> 16) & 1u);
  bits = x == x ? bits : UintVec{} + 0x7fc00000u;
  *reinterpret_cast<ShortVec*>(to) = __builtin_convertvector(bits >> 16, ShortVec);
}

inline float widen(Bf16 x) {
  const unsigned bits = static_cast<unsigned>(x.bits) << 16;
  float y;
  __builtin_memcpy(&y, &bits, sizeof y);
  return y;
}

inline void narrow(float x, Bf16* to) {
  unsigned bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  to->bits = x == x ? static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16) : 0x7fc0;
}

// Returns exp(x) for x <= 0, within two units in the last place, and 0 below MIN_EXPONENT. Cody-Waite reduction,
// followed by the polynomial of expf in Cephes.
inline Vec exp_of(Vec x) {
  const Vec shifter = Vec{} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vec n = (x * 1.44269504088896341f + shifter) - shifter;
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = Vec{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const IntVec power = (__builtin_convertvector(n, IntVec) + 127) << 23;
  const Vec y = p * (Vec)power;
  return x < MIN_EXPONENT ? Vec{} : y;
}

// Returns x * Phi(x), the exact GELU, within 4e-7 * max(1, |x|). erf is formula 7.1.26 of Abramowitz and Stegun.
inline Vec gelu_of(Vec x) {
  const Vec z = (x < 0 ? -x : x) * 0.70710678118654752f;
  const Vec t = 1.0f / (1.0f + 0.3275911f * z);
  Vec p = Vec{} + 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Vec tail = 0.5f * p * t * exp_of(-z * z);  // probability of the normal distribution beyond |x|
  return x * (x < 0 ? tail : 1.0f - tail);
}

}  // namespace
}  // namespace e2v
