#include "resample.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace e2v {
namespace {

constexpr float kZeroCrossings = 6;
constexpr double kRolloff = 0.99;

// torchaudio convolves with a dense [to, 2 * width + from] kernel, which for coprime rates (44101 -> 16000) takes
// gigabytes. All but about 2 * width + 1 taps of each row are zero: only those are kept.
struct Taps {
  int64_t first;  // the first tap's offset from the phase's block, in samples; may be negative
  std::vector<float> weight;
};

std::vector<Taps> polyphase(int64_t from, int64_t to) {
  const double base = static_cast<double>(std::min(from, to)) * kRolloff;
  const double reach = kZeroCrossings / base * static_cast<double>(from);  // half the window, in input samples
  const auto base32 = static_cast<float>(base);
  const auto scale = static_cast<float>(base / static_cast<double>(from));
  std::vector<Taps> phases(static_cast<size_t>(to));
  for (int64_t phase = 0; phase < to; ++phase) {
    const double centre = static_cast<double>(phase) * static_cast<double>(from) / static_cast<double>(to);
    // In float32 and in torchaudio's order of operations, whose rounding of t shows in the samples (up to 3e-5).
    const float offset = -static_cast<float>(phase) / static_cast<float>(to);
    Taps& taps = phases[static_cast<size_t>(phase)];
    taps.first = static_cast<int64_t>(std::ceil(centre - reach));
    for (int64_t i = taps.first; static_cast<double>(i) <= centre + reach; ++i) {
      const float t = (offset + static_cast<float>(i) / static_cast<float>(from)) * base32;
      const float edge = std::cos(t * std::numbers::pi_v<float> / kZeroCrossings / 2);
      const float angle = t * std::numbers::pi_v<float>;
      const float sinc = angle == 0 ? 1 : std::sin(angle) / angle;
      taps.weight.push_back(sinc * (edge * edge * scale));
    }
  }
  return phases;
}

}  // namespace

std::vector<float> resample(const std::vector<float>& samples, int64_t from_rate, int64_t to_rate) {
  const int64_t divisor = std::gcd(from_rate, to_rate);
  const int64_t from = from_rate / divisor;
  const int64_t to = to_rate / divisor;
  const auto size = static_cast<int64_t>(samples.size());
  const std::vector<Taps> phases = polyphase(from, to);
  std::vector<float> output(static_cast<size_t>((size * to + from - 1) / from));
  at::parallel_for(0, static_cast<int64_t>(output.size()), 16384, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const Taps& taps = phases[static_cast<size_t>(n % to)];
      const int64_t first = n / to * from + taps.first;
      const int64_t low = std::max<int64_t>(0, -first);  // outside the clip there is silence
      const int64_t high = std::min<int64_t>(static_cast<int64_t>(taps.weight.size()), size - first);
      const float* x = samples.data() + first;
      const float* w = taps.weight.data();
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = low; i < high; ++i) {
        sum += x[i] * w[i];
      }
      output[static_cast<size_t>(n)] = sum;
    }
  });
  return output;
}

}  // namespace e2v
