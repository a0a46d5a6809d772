// Matrix products of bytes, one block of rows and columns at a time. The sums of a block stay in the first-level cache
// until they are converted to floats. Packed weights have one layout for all instruction sets, which fits both the
// tiles of AMX and the lanes of a vector.
#include "kernels/kernel_set.h"

#ifdef __AVX2__
#include <immintrin.h>

#include "kernels/vector.h"

namespace e2v {
namespace {

constexpr long PANEL = 16;  // number of columns that are packed together
constexpr long GROUP = 4;   // number of elements of depth that are packed together
// Number of bytes of x that stay in the second-level cache while all columns are processed.
constexpr long PER_CHUNK = 524288;

// Computes the sums [INT8_ROWS, INT8_COLUMNS] of a block from x [INT8_ROWS, depth] and two panels of weights.
#ifdef __AMX_INT8__

struct alignas(64) TileConfig {
  unsigned char palette = 1;
  unsigned char start_row = 0;
  unsigned char reserved[14] = {};
  unsigned short bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Tiles are configured while an object exists. The process must have requested them from the system
// (operators/processor.cc).
struct Tiles {
  Tiles() {
    const TileConfig config;
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
};

void block_sums(const unsigned char* x, const signed char* weights, long depth, int* sums) {
  const unsigned char* lower = x + 16 * depth;
  const signed char* second = weights + PANEL * depth;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (long k = 0; k < depth; k += INT8_DEPTH) {
    _tile_loadd(4, x + k, depth);
    _tile_loadd(6, weights + k * PANEL, PANEL * GROUP);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, second + k * PANEL, PANEL * GROUP);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, lower + k, depth);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  constexpr long STRIDE = INT8_COLUMNS * sizeof(int);
  _tile_stored(0, sums, STRIDE);
  _tile_stored(1, sums + 16, STRIDE);
  _tile_stored(2, sums + 16 * INT8_COLUMNS, STRIDE);
  _tile_stored(3, sums + 16 * INT8_COLUMNS + 16, STRIDE);
}

#else

struct Tiles {};

inline int four_bytes(const unsigned char* from) {
  int bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return bytes;
}

#ifdef __AVX512VNNI__

typedef __m512i Sums;
inline Sums zero_sums() { return _mm512_setzero_si512(); }
inline Sums weights_at(const signed char* from) { return _mm512_loadu_si512(from); }
inline Sums broadcast(const unsigned char* from) { return _mm512_set1_epi32(four_bytes(from)); }
inline Sums add_products(Sums sum, Sums x, Sums w) { return _mm512_dpbusd_epi32(sum, x, w); }
inline void store_sums(Sums sum, int* to) { _mm512_storeu_si512(to, sum); }
constexpr int ROWS = 8, VECS = 2;

#else

typedef __m256i Sums;
inline Sums zero_sums() { return _mm256_setzero_si256(); }
inline Sums weights_at(const signed char* from) { return _mm256_loadu_si256(reinterpret_cast<const Sums*>(from)); }
inline Sums broadcast(const unsigned char* from) { return _mm256_set1_epi32(four_bytes(from)); }
// x is at most 127 (rows.cc), so that the sum of two products fits in 16 bits.
inline Sums add_products(Sums sum, Sums x, Sums w) {
  const Sums pairs = _mm256_maddubs_epi16(x, w);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline void store_sums(Sums sum, int* to) { _mm256_storeu_si256(reinterpret_cast<Sums*>(to), sum); }
constexpr int ROWS = 4, VECS = 2;

#endif

constexpr long WIDTH = sizeof(Sums) / sizeof(int);  // number of columns of a vector
static_assert(INT8_ROWS % ROWS == 0 && INT8_COLUMNS % (WIDTH * VECS) == 0 && PANEL % WIDTH == 0);

void block_sums(const unsigned char* x, const signed char* weights, long depth, int* sums) {
  for (long column = 0; column < INT8_COLUMNS; column += WIDTH * VECS) {
    const signed char* from[VECS];
    for (int v = 0; v < VECS; ++v) {
      const long at = column + v * WIDTH;
      from[v] = weights + at / PANEL * PANEL * depth + at % PANEL * GROUP;
    }
    for (long row = 0; row < INT8_ROWS; row += ROWS) {
      Sums sum[ROWS][VECS];
      for (int r = 0; r < ROWS; ++r) {
        for (int v = 0; v < VECS; ++v) {
          sum[r][v] = zero_sums();
        }
      }
      for (long k = 0; k < depth; k += GROUP) {
        Sums w[VECS];
        for (int v = 0; v < VECS; ++v) {
          w[v] = weights_at(from[v] + k * PANEL);
        }
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r) {
          const Sums x_group = broadcast(x + (row + r) * depth + k);
          for (int v = 0; v < VECS; ++v) {
            sum[r][v] = add_products(sum[r][v], x_group, w[v]);
          }
        }
      }
      for (int r = 0; r < ROWS; ++r) {
        for (int v = 0; v < VECS; ++v) {
          store_sums(sum[r][v], sums + (row + r) * INT8_COLUMNS + column + v * WIDTH);
        }
      }
    }
  }
}

#endif

// Converts the sums of a block to floats and writes them to the output.
template <bool GELU, typename T>
void finish(const Int8Product& task, const int* sums, long row, long column) {
  const long rows = task.rows - row < INT8_ROWS ? task.rows - row : INT8_ROWS;
  const long columns = task.columns - column < INT8_COLUMNS ? task.columns - column : INT8_COLUMNS;
  T* out = static_cast<T*>(task.out) + row * task.out_stride + column;
  for (long i = 0; i < rows; ++i, out += task.out_stride, sums += INT8_COLUMNS) {
    const float scale = task.x_scale[row + i];
    const int zero = task.x_zero[row + i];
    T edge[INT8_COLUMNS];
    T* to = columns == INT8_COLUMNS ? out : edge;
    for (long j = 0; j < INT8_COLUMNS; j += LANES) {
      const IntVec sum = *reinterpret_cast<const LooseIntVec*>(sums + j) -
                         zero * *reinterpret_cast<const LooseIntVec*>(task.sum + column + j);
      Vec y =
          __builtin_convertvector(sum, Vec) * (load(task.scale + column + j) * scale) + load(task.bias + column + j);
      store(GELU ? gelu_of(y) : y, to + j);
    }
    if (to == edge) {
      __builtin_memcpy(out, edge, columns * sizeof(T));
    }
  }
}

template <bool GELU, typename T>
void product(const Int8Product& task, long first, long last) {
  [[maybe_unused]] const Tiles tiles;
  alignas(64) int sums[INT8_ROWS * INT8_COLUMNS];
  const long chunk = PER_CHUNK / task.depth < INT8_ROWS ? INT8_ROWS : PER_CHUNK / task.depth / INT8_ROWS * INT8_ROWS;
  for (long begin = 0; begin < task.rows; begin += chunk) {
    const long end = task.rows - begin < chunk ? task.rows : begin + chunk;
    for (long column = first; column < last; column += INT8_COLUMNS) {
      for (long row = begin; row < end; row += INT8_ROWS) {
        block_sums(task.x + row * task.depth, task.weights + column * task.depth, task.depth, sums);
        finish<GELU, T>(task, sums, row, column);
      }
    }
  }
}

}  // namespace

void SET::int8_product(const Int8Product& task, long first, long last) {
  if (task.bf16) {
    task.gelu ? product<true, Bf16>(task, first, last) : product<false, Bf16>(task, first, last);
  } else {
    task.gelu ? product<true, float>(task, first, last) : product<false, float>(task, first, last);
  }
}

}  // namespace e2v
#endif
