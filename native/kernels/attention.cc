// Attention with an ALiBi bias. Scores are never stored beyond a tile, and the softmax is computed tile by tile
// (Milakov and Gimelshein, "Online normalizer calculation for softmax"; Dao et al., "FlashAttention").
//
// A panel of queries lies across the lanes of three vectors. Scores are computed transposed, [key, query]: the elements
// of a key or a value are then broadcast in the order in which they lie in memory, only the panel needs to be
// transposed, and the softmax has one query in each lane. A tile of scores fits in the first-level cache.
#include "kernels/kernel_set.h"
#include "kernels/vector.h"

namespace e2v {
namespace {

constexpr int VECS = 3;              // number of vectors of a panel
constexpr int PANEL = VECS * LANES;  // number of queries of a panel
constexpr int ROWS = 4;  // keys, or elements of a value, that are computed together with ROWS * VECS accumulators
// Number of keys of a tile: its scores, its keys and the queries fit in the first-level cache.
constexpr long TILE = 64;
constexpr long GROUP = 8;            // number of panels that share a gathered tile
constexpr float MIN_SCORE = -1e30f;  // below any score
// A key whose weight is less than exp(NEGLIGIBLE) = 1e-13 of the query's largest one is skipped. A million such keys
// together contribute less than the rounding of float32.
constexpr float NEGLIGIBLE = -30.0f;

// Rows i to i + R of out[rows][PANEL] (+)= a * b[depth][PANEL], where element (i, k) of a is a[i * row_step + k *
// step].
template <int R, bool ADD>
inline void product_rows(const float* a, long row_step, long step, const Vec* b, long depth, Vec* out) {
  Vec sum[R][VECS];
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < VECS; ++v) {
      sum[r][v] = ADD ? out[r * VECS + v] : Vec{};
    }
  }
  for (long k = 0; k < depth; ++k) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const float x = a[r * row_step + k * step];
#pragma GCC unroll 3
      for (int v = 0; v < VECS; ++v) {
        sum[r][v] += x * b[k * VECS + v];
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < VECS; ++v) {
      out[r * VECS + v] = sum[r][v];
    }
  }
}

template <bool ADD>
inline void product(const float* a, long row_step, long step, const Vec* b, long rows, long depth, Vec* out) {
  long i = 0;
  for (; i + ROWS <= rows; i += ROWS) {
    product_rows<ROWS, ADD>(a + i * row_step, row_step, step, b, depth, out + i * VECS);
  }
  for (; i < rows; ++i) {
    product_rows<1, ADD>(a + i * row_step, row_step, step, b, depth, out + i * VECS);
  }
}

// A panel of queries and its state between tiles. `q` and `out` are [size][PANEL].
struct Panel {
  long from;   // position of the first query among the rows of the clip
  long count;  // number of queries, at most PANEL; the results of the other lanes are not used
  Vec* q;      // scaled
  Vec* out;
  float norm;       // norm of the longest query, scaled
  Vec slope[VECS];  // 0 for extra rows
  Vec position[VECS];
  Vec largest[VECS];  // the largest score so far
  Vec sum[VECS];      // sum of exp(score - largest)
};

long scratch_floats(long size) {
  return 2 * TILE * size  // the gathered keys and values of a tile, because rows of the packed matrix lie far apart
         + TILE * PANEL   // the scores of a panel
         + 2 * GROUP * size * PANEL;  // the transposed queries and outputs of a group
}

inline float largest_norm(const float* x, long rows, long size, long stride) {
  float largest = 0;
  for (long i = 0; i < rows; ++i) {
    float sum = 0;
    for (long d = 0; d < size; ++d) {
      sum += x[i * stride + d] * x[i * stride + d];
    }
    largest = sum > largest ? sum : largest;
  }
  return __builtin_sqrtf(largest);
}

inline void gather(const float* from, long rows, long size, long stride, float* to) {
  for (long i = 0; i < rows; ++i) {
    __builtin_memcpy(to + i * size, from + i * stride, size * sizeof(float));
  }
}

void start(Panel& panel, const HeadAttention& task, long first) {
  const long remaining = task.queries - first;
  panel.count = remaining < PANEL ? remaining : PANEL;
  panel.from = task.first_query + first;
  const float* queries = task.q + first * task.q_stride;
  panel.norm = largest_norm(queries, panel.count, task.size, task.q_stride) * task.scale;
  float* q = reinterpret_cast<float*>(panel.q);
  for (long d = 0; d < task.size; ++d) {
    for (long i = 0; i < PANEL; ++i) {
      q[d * PANEL + i] = i < panel.count ? queries[i * task.q_stride + d] * task.scale : 0.0f;
    }
  }
  for (long i = 0; i < task.size * VECS; ++i) {
    panel.out[i] = Vec{};
  }
  for (long i = 0; i < PANEL; ++i) {
    panel.position[i / LANES][i % LANES] = static_cast<float>(panel.from + i);
    panel.slope[i / LANES][i % LANES] = panel.from + i < task.extra ? 0.0f : task.slope;
  }
  for (int v = 0; v < VECS; ++v) {
    panel.largest[v] = Vec{} + MIN_SCORE;
    panel.sum[v] = Vec{};
  }
}

// Scores [rows][PANEL] -> exp(score - largest), with the bias. The output so far is rescaled to the new largest score.
void update_softmax(Vec* scores, long rows, long first_key, const HeadAttention& task, Panel& panel) {
  Vec largest[VECS];
  for (int v = 0; v < VECS; ++v) {
    largest[v] = panel.largest[v];
  }
  for (long j = 0; j < rows; ++j) {
    const float key = static_cast<float>(first_key + j);
    const float biased = first_key + j >= task.extra ? 1.0f : 0.0f;
    for (int v = 0; v < VECS; ++v) {
      const Vec offset = panel.position[v] - key;
      const Vec distance = offset < 0 ? -offset : offset;
      const Vec score = scores[j * VECS + v] - panel.slope[v] * biased * distance;
      scores[j * VECS + v] = score;
      largest[v] = larger(largest[v], score);
    }
  }
  for (int v = 0; v < VECS; ++v) {
    const Vec shrink = exp_of(panel.largest[v] - largest[v]);
    panel.largest[v] = largest[v];
    panel.sum[v] *= shrink;
    for (long d = 0; d < task.size; ++d) {
      panel.out[d * VECS + v] *= shrink;
    }
  }
  for (long j = 0; j < rows; ++j) {
    for (int v = 0; v < VECS; ++v) {
      const Vec weight = exp_of(scores[j * VECS + v] - largest[v]);
      scores[j * VECS + v] = weight;
      panel.sum[v] += weight;
    }
  }
}

// Whether all weights that the panel gives to the keys of a tile are negligible, because the bias outweighs the largest
// possible product.
bool is_negligible(const Panel& panel, const HeadAttention& task, long first_key, long rows, float key_norm) {
  const long last_query = panel.from + panel.count - 1, last_key = first_key + rows - 1;
  const long gap = first_key > last_query ? first_key - last_query : panel.from > last_key ? panel.from - last_key : 0;
  if (gap == 0 || first_key < task.extra || panel.from < task.extra) {
    return false;
  }
  float smallest = panel.largest[0][0];
  for (long i = 1; i < panel.count; ++i) {
    const float score = panel.largest[i / LANES][i % LANES];
    smallest = score < smallest ? score : smallest;
  }
  return panel.norm * key_norm - task.slope * static_cast<float>(gap) - smallest < NEGLIGIBLE;
}

// Processes `count` panels. Tiles are visited from the middle outwards, so that near keys have set the largest score by
// the time that far keys are checked.
void attend_group(const HeadAttention& task, Panel* panels, long count, float* scratch) {
  const long size = task.size;
  float* k = scratch;
  float* v = k + TILE * size;
  Vec* scores = reinterpret_cast<Vec*>(v + TILE * size);
  const long tiles = (task.keys + TILE - 1) / TILE;
  const long middle = (panels[0].from + panels[count - 1].from + panels[count - 1].count) / 2 / TILE;
  for (long step = 0, visited = 0; visited < tiles; ++step) {
    const long tile = step % 2 == 0 ? middle + step / 2 : middle - (step + 1) / 2;
    if (tile < 0 || tile >= tiles) {
      continue;
    }
    ++visited;
    const long first_key = tile * TILE;
    const long rows = task.keys - first_key < TILE ? task.keys - first_key : TILE;
    const float* keys = task.k + first_key * task.kv_stride;
    const float key_norm = largest_norm(keys, rows, size, task.kv_stride);
    bool gathered = false;
    for (long i = 0; i < count; ++i) {
      Panel& panel = panels[i];
      if (is_negligible(panel, task, first_key, rows, key_norm)) {
        continue;
      }
      if (!gathered) {
        gather(keys, rows, size, task.kv_stride, k);
        gather(task.v + first_key * task.kv_stride, rows, size, task.kv_stride, v);
        gathered = true;
      }
      product<false>(k, size, 1, panel.q, rows, size, scores);
      update_softmax(scores, rows, first_key, task, panel);
      product<true>(v, 1, size, scores, size, rows, panel.out);
    }
  }
}

void attend_one_head(const HeadAttention& task, float* scratch) {
  Panel panels[GROUP];
  Vec* transposed_memory = reinterpret_cast<Vec*>(scratch + 2 * TILE * task.size + TILE * PANEL);
  for (long first = 0; first < task.queries; first += GROUP * PANEL) {
    long count = 0;
    for (; count < GROUP && first + count * PANEL < task.queries; ++count) {
      panels[count].q = transposed_memory + 2 * count * task.size * VECS;
      panels[count].out = panels[count].q + task.size * VECS;
      start(panels[count], task, first + count * PANEL);
    }
    attend_group(task, panels, count, scratch);
    for (long p = 0; p < count; ++p) {
      const float* transposed = reinterpret_cast<const float*>(panels[p].out);
      float* out = task.out + (first + p * PANEL) * task.out_stride;
      for (long i = 0; i < panels[p].count; ++i) {
        const float sum = panels[p].sum[i / LANES][i % LANES];
        for (long d = 0; d < task.size; ++d) {
          out[i * task.out_stride + d] = transposed[d * PANEL + i] / sum;
        }
      }
    }
  }
}

}  // namespace

void SET::attend_head(const HeadAttention& task, float* scratch) { e2v::attend_one_head(task, scratch); }
long SET::attend_head_scratch(long size) { return scratch_floats(size); }

}  // namespace e2v
