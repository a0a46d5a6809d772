// Row-wise kernels: LayerNorm with the operators before and after it, and quantization.
#include "kernels/kernel_set.h"
#include "kernels/vector.h"

namespace e2v {
namespace {

// Writes x + residual of a row as floats into `row`; returns their mean.
template <typename T>
float gather(const T* x, const T* residual, long width, float* row) {
  Vec sums{};
  float sum = 0;
  long i = 0;
  for (; i + LANES <= width; i += LANES) {
    const Vec value = residual == nullptr ? load(x + i) : load(x + i) + load(residual + i);
    store(value, row + i);
    sums += value;
  }
  for (; i < width; ++i) {
    row[i] = residual == nullptr ? widen(x[i]) : widen(x[i]) + widen(residual[i]);
    sum += row[i];
  }
  return (sum + sum_of(sums)) / static_cast<float>(width);
}

float variance(const float* row, float mean, long width) {
  Vec sums{};
  float sum = 0;
  long i = 0;
  for (; i + LANES <= width; i += LANES) {
    const Vec centered = load(row + i) - mean;
    sums += centered * centered;
  }
  for (; i < width; ++i) {
    sum += (row[i] - mean) * (row[i] - mean);
  }
  return (sum + sum_of(sums)) / static_cast<float>(width);
}

template <bool GELU, typename T>
void scatter(const float* row, float mean, float scale, const NormRows& task, T* out) {
  const long width = task.width;
  const Vec one = Vec{} + 1.0f;
  long i = 0;
  for (; i + LANES <= width; i += LANES) {
    Vec y = (load(row + i) - mean) * scale;
    y = y * (task.weight == nullptr ? one : load(task.weight + i)) +
        (task.bias == nullptr ? Vec{} : load(task.bias + i));
    store(GELU ? gelu_of(y) : y, out + i);
  }
  for (; i < width; ++i) {
    const float weight = task.weight == nullptr ? 1.0f : task.weight[i];
    const float bias = task.bias == nullptr ? 0.0f : task.bias[i];
    const Vec y = Vec{} + ((row[i] - mean) * scale * weight + bias);
    narrow(GELU ? gelu_of(y)[0] : y[0], out + i);
  }
}

template <typename T>
void norm(const NormRows& task, float* row) {
  const T* x = static_cast<const T*>(task.x);
  const T* residual = static_cast<const T*>(task.residual);
  T* out = static_cast<T*>(task.out);
  for (long i = 0; i < task.rows; ++i) {
    const float mean = gather(x, residual, task.width, row);
    const float scale = 1.0f / __builtin_sqrtf(variance(row, mean, task.width) + task.epsilon);
    if (task.gelu) {
      scatter<true>(row, mean, scale, task, out);
    } else {
      scatter<false>(row, mean, scale, task, out);
    }
    x += task.x_stride;
    residual = residual == nullptr ? nullptr : residual + task.residual_stride;
    out += task.out_stride;
  }
}

// Without VNNI, products of bytes are added in pairs in 16 bits. Half the range for one side prevents an overflow.
#ifdef __AVX512VNNI__
constexpr float LEVELS = 255.0f;
#else
constexpr float LEVELS = 127.0f;
#endif

template <typename T>
void quantize_row(const T* x, long width, long padded, unsigned char* out, float* scale, int* zero) {
  Vec smallest{}, largest{}, not_finite{};  // the range includes 0, so that 0 is represented exactly
  float low = 0, high = 0, bad = 0;
  long i = 0;
  for (; i + LANES <= width; i += LANES) {
    const Vec value = load(x + i);
    smallest = smaller(smallest, value);
    largest = larger(largest, value);
    not_finite += value - value;
  }
  for (; i < width; ++i) {
    const float value = widen(x[i]);
    low = value < low ? value : low;
    high = value > high ? value : high;
    bad += value - value;
  }
  for (int lane = 0; lane < LANES; ++lane) {
    low = smallest[lane] < low ? smallest[lane] : low;
    high = largest[lane] > high ? largest[lane] : high;
  }
  bad += sum_of(not_finite);  // NaN if any value is not finite
  const float step = (high - low) / LEVELS;
  const float inverse = step > 1e-30f && bad == 0 ? 1.0f / step : 0.0f;
  const float shift = __builtin_rintf(-low * inverse);
  *scale = step + bad;
  *zero = static_cast<int>(shift);
  const Vec lowest{}, highest = Vec{} + LEVELS;
  const Vec shifter = Vec{} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  for (i = 0; i + LANES <= width; i += LANES) {
    const Vec rounded = (load(x + i) * inverse + shifter) - shifter;
    const Vec level = smaller(larger(rounded + shift, lowest), highest);
    *reinterpret_cast<ByteVec*>(out + i) = __builtin_convertvector(__builtin_convertvector(level, IntVec), ByteVec);
  }
  for (; i < width; ++i) {
    const float level = __builtin_rintf(widen(x[i]) * inverse) + shift;
    out[i] = static_cast<unsigned char>(level < 0 ? 0 : level > LEVELS ? LEVELS : level);
  }
  for (; i < padded; ++i) {
    out[i] = 0;
  }
}

template <typename T>
void quantize(const QuantizeRows& task) {
  const T* x = static_cast<const T*>(task.x);
  for (long i = 0; i < task.rows; ++i) {
    quantize_row(x + i * task.x_stride, task.width, task.out_stride, task.out + i * task.out_stride, task.scale + i,
                 task.zero + i);
  }
}

}  // namespace

void SET::norm_rows(const NormRows& task, float* scratch) {
  task.bf16 ? norm<Bf16>(task, scratch) : norm<float>(task, scratch);
}

void SET::quantize_rows(const QuantizeRows& task) { task.bf16 ? quantize<Bf16>(task) : quantize<float>(task); }

}  // namespace e2v
