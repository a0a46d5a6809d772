// Sample rate conversion with the numbers of torchaudio.functional.resample and its defaults: a sinc low-pass of 6 zero
// crossings, roll-off 0.99, Hann window. FunASR resamples with it, so parity begins here.
#pragma once

#include <cstdint>
#include <vector>

namespace e2v {

// samples[N] at from_rate -> [ceil(N * to_rate / from_rate)] at to_rate. Rates are positive.
std::vector<float> resample(const std::vector<float>& samples, int64_t from_rate, int64_t to_rate);

}  // namespace e2v
