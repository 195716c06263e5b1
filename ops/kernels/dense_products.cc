#include "ops/kernels/dense_products.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/parallel.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int kWidth = 8;  // floats of a vector
typedef float Vector __attribute__((vector_size(kWidth * sizeof(float))));

constexpr int64_t kLine = 16;             // floats of a cache line
constexpr int64_t kLeastBatch = 4;        // below, dot products
constexpr int64_t kPanel = 2 * kWidth;    // forward: examples side by side
constexpr int64_t kDepth = 256;           // forward: inputs at a time; a panel of so many fits the first cache
constexpr int64_t kRowGroup = 40;         // forward: rows of w at a time, those behind them being fetched
constexpr int64_t kColumns = 3 * kWidth;  // backward: of a panel of w
constexpr int64_t kBlockRows = 64, kBlockColumns = 8 * kColumns;  // backward: of a block of w

// Walks over rows of whole cache lines, `row` floats apart, and asks for them.
struct Prefetch {
  const float* next;
  int64_t lines, row;
  int64_t line = 0;

  GRADUS_INLINE void Step() {
    __builtin_prefetch(next, 0, 2);
    next += kLine;
    if (++line < lines) return;
    line = 0;
    next += row - kLine * lines;
  }
};

// A times B, or that added to C: A[kRows, k] with rows a_row apart, B[k, kVectors] packed, C with rows c_row apart.
template <int kRows, int kVectors>
GRADUS_INLINE void Tile(int64_t k, const float* a, int64_t a_row, const float* b, float* c, int64_t c_row, bool add,
                        Prefetch* prefetch) {
  Vector sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Vector{};
  }
  const auto step = [&](int64_t i) __attribute__((always_inline)) {
    Vector right[kVectors];
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) std::memcpy(&right[v], b + (i * kVectors + v) * kWidth, sizeof right[v]);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const float left = a[r * a_row + i];
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
  };
  int64_t i = 0;
  for (; i + 4 <= k; i += 4) {
    prefetch->Step();
    if (kRows * kVectors < 10) prefetch->Step();
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) step(i + u);
  }
  for (; i < k; ++i) step(i);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      float* const to = c + r * c_row + v * kWidth;
      if (add) {
        Vector old;
        std::memcpy(&old, to, sizeof old);
        sum[r][v] += old;
      }
      std::memcpy(to, &sum[r][v], sizeof sum[r][v]);
    }
  }
}

// A tile of `rows` <= kMost rows.
template <int kMost, int kVectors>
GRADUS_INLINE void TileOfRows(int64_t rows, int64_t k, const float* a, int64_t a_row, const float* b, float* c,
                              int64_t c_row, bool add, Prefetch* prefetch) {
  if (rows == kMost) {
    Tile<kMost, kVectors>(k, a, a_row, b, c, c_row, add, prefetch);
  } else if constexpr (kMost > 1) {
    TileOfRows<kMost - 1, kVectors>(rows, k, a, a_row, b, c, c_row, add, prefetch);
  }
}

int64_t Padded(int64_t batch) { return (batch + kWidth - 1) / kWidth * kWidth; }

// ---- forward ----

// Inputs [begin, end), whole depths, of x transposed: for each depth, for each panel of examples, [inputs, examples].
GRADUS_MULTIVERSION void PackExamples(const DenseSizes& sizes, const float* x, int64_t begin, int64_t end, float* to) {
  const int64_t padded = Padded(sizes.batch);
  for (int64_t k0 = begin; k0 < end; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, end - k0);
    for (int64_t panel = 0; panel < padded; panel += kPanel) {
      const int64_t width = std::min(kPanel, padded - panel);
      float* const block = to + k0 * padded + panel * depth;
      for (int64_t n = 0; n < width; ++n) {
        const bool real = panel + n < sizes.batch;
        const float* const from = x + (panel + n) * sizes.inputs + k0;
        for (int64_t k = 0; k < depth; ++k) block[k * width + n] = real ? from[k] : 0;
      }
    }
  }
}

// Rows [begin, end) of y transposed, [units, padded batch].
GRADUS_MULTIVERSION void MultiplyRows(const DenseSizes& sizes, const float* panels, const float* w, int64_t begin,
                                      int64_t end, float* y) {
  const int64_t inputs = sizes.inputs, padded = Padded(sizes.batch);
  for (int64_t k0 = 0; k0 < inputs; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, inputs - k0);
    const bool add = k0 > 0;
    for (int64_t group = begin; group < end; group += kRowGroup) {
      const int64_t last = std::min(end, group + kRowGroup);
      for (int64_t panel = 0; panel < padded; panel += kPanel) {
        const float* const b = panels + k0 * padded + panel * depth;
        // Rows of the next group, by the first panel only.
        const bool ahead = panel == 0 && last < end;
        const auto fetch = [&](int64_t row) {
          return ahead ? Prefetch{w + (row + kRowGroup) * inputs + k0, (depth + kLine - 1) / kLine, inputs}
                       : Prefetch{b, 1, 0};
        };
        if (padded - panel >= kPanel) {
          for (int64_t row = group; row < last; row += 5) {
            Prefetch prefetch = fetch(row);
            TileOfRows<5, 2>(std::min<int64_t>(5, last - row), depth, w + row * inputs + k0, inputs, b,
                             y + row * padded + panel, padded, add, &prefetch);
          }
        } else {
          for (int64_t row = group; row < last; row += 8) {
            Prefetch prefetch = fetch(row);
            TileOfRows<8, 1>(std::min<int64_t>(8, last - row), depth, w + row * inputs + k0, inputs, b,
                             y + row * padded + panel, padded, add, &prefetch);
          }
        }
      }
    }
  }
}

// Units [begin, end) of y for a few examples, by dot products: w is read as it lies.
GRADUS_MULTIVERSION void DotProducts(const DenseSizes& sizes, const float* x, const float* w, const float* bias,
                                     int64_t begin, int64_t end, float* y) {
  constexpr int kRows = 4;
  constexpr int64_t kRun = 1024;
  const int64_t inputs = sizes.inputs;
  for (int64_t first = begin; first < end; first += kRows) {
    const int64_t rows = std::min<int64_t>(kRows, end - first);
    float total[kLeastBatch][kRows] = {};
    for (int64_t k0 = 0; k0 < inputs; k0 += kRun) {
      const int64_t depth = std::min(kRun, inputs - k0);
      for (int64_t n = 0; n < sizes.batch; ++n) {
        const float* const right = x + n * inputs + k0;
        for (int64_t r = 0; r < rows; ++r) {
          const float* const left = w + (first + r) * inputs + k0;
          float sum = 0;
#pragma omp simd reduction(+ : sum) simdlen(32)
          for (int64_t k = 0; k < depth; ++k) sum += left[k] * right[k];
          total[n][r] += sum;
        }
      }
    }
    for (int64_t n = 0; n < sizes.batch; ++n) {
      for (int64_t r = 0; r < rows; ++r) {
        y[n * sizes.units + first + r] = total[n][r] + (bias == nullptr ? 0 : bias[first + r]);
      }
    }
  }
}

// ---- backward ----

// dy in depths of kBlockRows units: for each, [batch, units].
void PackGradients(const DenseSizes& sizes, const float* dy, int64_t begin, int64_t end, float* to) {
  for (int64_t u0 = begin; u0 < end; u0 += kBlockRows) {
    const int64_t depth = std::min(kBlockRows, end - u0);
    for (int64_t n = 0; n < sizes.batch; ++n) {
      std::memcpy(to + u0 * sizes.batch + n * depth, dy + n * sizes.units + u0, depth * sizeof(float));
    }
  }
}

// A block of w and how far it has been copied into panels of [rows, kColumns].
struct Block {
  const float* from;
  int64_t row_step, rows, columns;
  int64_t done = 0;

  GRADUS_INLINE void Copy(int64_t count, float* to) {
    for (; count > 0 && done < rows; --count, ++done) {
      const float* const row = from + done * row_step;
      int64_t c = 0;
      for (; c + kColumns <= columns; c += kColumns) {
        std::memcpy(to + c * rows + done * kColumns, row + c, kColumns * sizeof(float));
      }
      if (c == columns) continue;
      float* const rest = to + c * rows + done * kColumns;
      for (int64_t i = 0; i < kColumns; ++i) rest[i] = c + i < columns ? row[c + i] : 0;
    }
  }
};

int64_t Blocks(int64_t n, int64_t size) { return (n + size - 1) / size; }

// Blocks of columns [begin, end) of dx. `memory`: two blocks.
GRADUS_MULTIVERSION void MultiplyColumns(const DenseSizes& sizes, const float* gradients, const float* w, int64_t begin,
                                         int64_t end, float* dx, float* memory) {
  const int64_t inputs = sizes.inputs, depths = Blocks(sizes.units, kBlockRows);
  const auto block_at = [&](int64_t step) {
    const int64_t u0 = step % depths * kBlockRows, i0 = (begin + step / depths) * kBlockColumns;
    return Block{w + u0 * inputs + i0, inputs, std::min(kBlockRows, sizes.units - u0),
                 std::min(kBlockColumns, inputs - i0)};
  };
  const int64_t steps = (end - begin) * depths;
  float* here = memory;
  float* there = memory + kBlockRows * kBlockColumns;
  Block block = block_at(0);
  block.Copy(block.rows, here);
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t u0 = step % depths * kBlockRows, i0 = (begin + step / depths) * kBlockColumns;
    const int64_t rows = block.rows, columns = block.columns;
    Block next = {w, 0, 0, kLine};
    if (step + 1 < steps) next = block_at(step + 1);
    const int64_t tiles = Blocks(columns, kColumns) * Blocks(sizes.batch, 4), share = Blocks(next.rows, tiles);
    const float* const left = gradients + u0 * sizes.batch;
    for (int64_t c = 0; c < columns; c += kColumns) {
      for (int64_t n = 0; n < sizes.batch; n += 4) {
        const int64_t examples = std::min<int64_t>(4, sizes.batch - n);
        // The rows that are copied after the next tile.
        const int64_t coming = std::min(next.done + share, std::max<int64_t>(0, next.rows - 1));
        Prefetch prefetch = {next.from + coming * next.row_step, Blocks(next.columns, kLine), next.row_step};
        float* const to = dx + n * inputs + i0 + c;
        if (c + kColumns <= columns) {
          TileOfRows<4, 3>(examples, rows, left + n * rows, rows, here + c * rows, to, inputs, u0 > 0, &prefetch);
        } else {
          float rest[4 * kColumns];
          TileOfRows<4, 3>(examples, rows, left + n * rows, rows, here + c * rows, rest, kColumns, false, &prefetch);
          for (int64_t r = 0; r < examples; ++r) {
            for (int64_t i = 0; i < columns - c; ++i) {
              to[r * inputs + i] = rest[r * kColumns + i] + (u0 > 0 ? to[r * inputs + i] : 0);
            }
          }
        }
        next.Copy(share, there);
      }
    }
    next.Copy(next.rows, there);
    std::swap(here, there);
    block = next;
  }
}

// The least work worth a thread: products.
constexpr int64_t kGrain = 65536;

}  // namespace

int64_t DenseForwardBytes(const DenseSizes& sizes) {
  if (sizes.batch < kLeastBatch) return 0;
  return Padded(sizes.batch) * (sizes.inputs + sizes.units) * static_cast<int64_t>(sizeof(float));
}

void DenseForward(const DenseSizes& sizes, const float* x, const float* w, const float* bias, float* y, void* scratch) {
  const int64_t units_worth = std::max<int64_t>(1, kGrain / (sizes.batch * sizes.inputs));
  if (sizes.batch < kLeastBatch) {
    ParallelFor(sizes.units, units_worth,
                [&](int64_t begin, int64_t end) { DotProducts(sizes, x, w, bias, begin, end, y); });
    return;
  }
  const int64_t padded = Padded(sizes.batch);
  auto* const panels = static_cast<float*>(scratch);
  float* const transposed = panels + padded * sizes.inputs;
  ParallelFor(
      sizes.inputs, std::max<int64_t>(1, kGrain / padded),
      [&](int64_t begin, int64_t end) { PackExamples(sizes, x, begin, end, panels); }, kDepth);
  ParallelFor(
      sizes.units, units_worth,
      [&](int64_t begin, int64_t end) {
        MultiplyRows(sizes, panels, w, begin, end, transposed);
        for (int64_t n = 0; n < sizes.batch; ++n) {
          for (int64_t u = begin; u < end; ++u) {
            y[n * sizes.units + u] = transposed[u * padded + n] + (bias == nullptr ? 0 : bias[u]);
          }
        }
      },
      kLine);
}

int64_t DenseBackwardDataBytes(const DenseSizes& sizes, int threads) {
  return (sizes.batch * sizes.units + threads * 2 * kBlockRows * kBlockColumns) * static_cast<int64_t>(sizeof(float));
}

void DenseBackwardData(const DenseSizes& sizes, const float* dy, const float* w, float* dx, void* scratch) {
  auto* const memory = static_cast<float*>(scratch);
  float* const gradients = memory + omp_get_max_threads() * 2 * kBlockRows * kBlockColumns;
  ParallelFor(
      sizes.units, std::max<int64_t>(1, kGrain / sizes.batch),
      [&](int64_t begin, int64_t end) { PackGradients(sizes, dy, begin, end, gradients); }, kBlockRows);
  const int64_t blocks = Blocks(sizes.inputs, kBlockColumns);
  ParallelFor(blocks, std::max<int64_t>(1, kGrain / (sizes.batch * sizes.units * kBlockColumns)),
              [&](int64_t begin, int64_t end) {
                MultiplyColumns(sizes, gradients, w, begin, end, dx,
                                memory + omp_get_thread_num() * 2 * kBlockRows * kBlockColumns);
              });
}

}  // namespace gradus
