#include "ops/kernels/max_pool_loops.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

// Calls body.Run<kLanes>(l) for chunks of the lanes.
template <typename Body>
GRADUS_INLINE void ForEachChunk(int64_t lanes, const Body& body) {
  int64_t l = 0;
  for (; l + 16 <= lanes; l += 16) body.template Run<16>(l);
  for (; l + 8 <= lanes; l += 8) body.template Run<8>(l);
  for (; l < lanes; ++l) body.template Run<1>(l);
}

// A value and where it was found. The number is kept as a float of the same size, so that one mask chooses both.
template <int kLanes>
struct Best {
  float value[kLanes], number[kLanes];

  GRADUS_INLINE void Start(const float* x, float first) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) value[l] = x[l], number[l] = first;
  }
  GRADUS_INLINE void Take(const float* x, float candidate) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const bool stays = !((x[l] > value[l]) | (x[l] != x[l]));
      value[l] = stays ? value[l] : x[l];
      number[l] = stays ? number[l] : candidate;
    }
  }
  GRADUS_INLINE void Finish(float* y, uint8_t* argmax) const {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) y[l] = value[l];
    if (argmax == nullptr) return;
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) argmax[l] = static_cast<uint8_t>(static_cast<int32_t>(number[l]));
  }
};

// kTaps is 0 when known only at run time.
template <int kTaps>
struct MaxChunk {
  const PoolTaps& taps;
  const float* x;
  float* y;
  uint8_t* argmax;

  template <int kLanes>
  GRADUS_INLINE void Run(int64_t first) const {
    Best<kLanes> best;
    best.Start(x + taps.offset[0] + first, taps.number[0]);
    if (kTaps > 0) {
#pragma GCC unroll 16
      for (int t = 1; t < kTaps; ++t) best.Take(x + taps.offset[t] + first, taps.number[t]);
    } else {
      for (int t = 1; t < taps.count; ++t) best.Take(x + taps.offset[t] + first, taps.number[t]);
    }
    best.Finish(y + first, argmax == nullptr ? nullptr : argmax + first);
  }
};

typedef float Floats __attribute__((vector_size(8 * sizeof(float))));
typedef int32_t Numbers __attribute__((vector_size(8 * sizeof(int32_t))));
typedef uint8_t Bytes __attribute__((vector_size(8)));

template <typename Vector>
GRADUS_INLINE void Load(const void* from, Vector* v) {
  std::memcpy(v, from, sizeof *v);
}

// One row of windows whose lanes are whole vectors, where no element is NaN: then one comparison decides. False if one
// may be NaN, which is seen only at the end.
template <int kTaps, bool kArgmax>
GRADUS_INLINE bool MaxRowOfNumbers(const PoolTaps& taps, const PoolRun& run, const float* x, float* y,
                                   uint8_t* argmax) {
  constexpr int kMost = kTaps > 0 ? kTaps : PoolTaps::kMost;
  const int count = kTaps > 0 ? kTaps : taps.count;
  int64_t offset[kMost];
  Numbers number[kMost];
  for (int t = 0; t < count; ++t) {
    offset[t] = taps.offset[t];
    number[t] = Numbers{} + static_cast<int32_t>(taps.number[t]);
  }
  Floats sum = {};
  for (int64_t i = 0; i < run.count; ++i) {
    for (int64_t l = 0; l < run.lanes; l += 8) {
      const float* const from = x + i * run.x_step + l;
      Floats best;
      Load(from + offset[0], &best);
      Numbers where = number[0];
      sum += best;
#pragma GCC unroll 16
      for (int t = 1; t < count; ++t) {
        Floats v;
        Load(from + offset[t], &v);
        const Numbers stays = v <= best;
        best = stays ? best : v;
        if (kArgmax) where = stays ? where : number[t];
        sum += v;
      }
      std::memcpy(y + i * run.lanes + l, &best, sizeof best);
      if (!kArgmax) continue;
      const Bytes bytes = __builtin_convertvector(where, Bytes);
      std::memcpy(argmax + i * run.lanes + l, &bytes, sizeof bytes);
    }
  }
  bool numbers = true;
  for (int l = 0; l < 8; ++l) numbers &= sum[l] == sum[l];
  return numbers;
}

template <int kTaps>
GRADUS_INLINE void MaxRows(const PoolTaps& taps, const PoolRun& run, const float* x, float* y, uint8_t* argmax) {
  for (int64_t row = 0; row < run.rows; ++row, x += run.x_row_step, y += run.y_row_step) {
    uint8_t* const where = argmax == nullptr ? nullptr : argmax + row * run.y_row_step;
    if (run.lanes % 8 == 0) {
      const bool done = where == nullptr ? MaxRowOfNumbers<kTaps, false>(taps, run, x, y, where)
                                         : MaxRowOfNumbers<kTaps, true>(taps, run, x, y, where);
      if (done) continue;
    }
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t at = i * run.lanes;
      ForEachChunk(run.lanes,
                   MaxChunk<kTaps>{taps, x + i * run.x_step, y + at, where == nullptr ? nullptr : where + at});
    }
  }
}

// The value or 0, without a branch.
GRADUS_INLINE float KeepIf(bool keep, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  bits &= -static_cast<uint32_t>(keep);
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

template <int kTaps, bool kAdd>
struct SpreadChunk {
  const PoolTaps& taps;
  const float* dy;
  const uint8_t* argmax;
  float* dx;

  template <int kLanes>
  GRADUS_INLINE void Run(int64_t first) const {
    float gradient[kLanes];
    int32_t chosen[kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) gradient[l] = dy[first + l], chosen[l] = argmax[first + l];
    if (kTaps > 0) {
#pragma GCC unroll 16
      for (int t = 0; t < kTaps; ++t) Spread<kLanes>(t, first, gradient, chosen);
    } else {
      for (int t = 0; t < taps.count; ++t) Spread<kLanes>(t, first, gradient, chosen);
    }
  }

  template <int kLanes>
  GRADUS_INLINE void Spread(int t, int64_t first, const float* gradient, const int32_t* chosen) const {
    float* const to = dx + taps.offset[t] + first;
    const int32_t number = taps.number[t];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) {
      const float part = KeepIf(chosen[l] == number, gradient[l]);
      to[l] = kAdd ? to[l] + part : part;
    }
  }
};

// Whether the taps are a square of three by three whose rows are neighbours in memory.
GRADUS_INLINE bool IsSquareOfNine(const PoolTaps& taps, int64_t lanes) {
  if (taps.count != 9) return false;
  bool square = true;
  for (int t = 0; t < 9; ++t) {
    square &= taps.offset[t] == taps.offset[0] + t / 3 * (taps.offset[3] - taps.offset[0]) + t % 3 * lanes;
  }
  return square;
}

// Rows of windows of nine taps whose lanes are whole vectors. What overlapping windows of a row give to a column is
// added up in registers, and goes to memory once for each row.
template <int kStride>
GRADUS_INLINE void SpreadSquares(const PoolTaps& taps, const PoolRun& run, const float* dy, const uint8_t* argmax,
                                 float* dx) {
  const int64_t x_row = taps.offset[3] - taps.offset[0], lanes = run.lanes, count = run.count;
  Numbers number[9];
  for (int t = 0; t < 9; ++t) number[t] = Numbers{} + static_cast<int32_t>(taps.number[t]);
  const auto add = [](const Floats& part, float* to) __attribute__((always_inline)) {
    Floats sum;
    Load(to, &sum);
    sum += part;
    std::memcpy(to, &sum, sizeof sum);
  };
  for (int64_t row = 0; row < run.rows; ++row) {
    for (int64_t l = 0; l < lanes; l += 8) {
      const float* gradients = dy + row * run.y_row_step + l;
      const uint8_t* where = argmax + row * run.y_row_step + l;
      float* to = dx + row * run.x_row_step + taps.offset[0] + l;
      Floats sum[3][3] = {};
      for (int64_t i = 0; i < count; ++i, gradients += lanes, where += lanes, to += kStride * lanes) {
        Numbers gradient;
        Load(gradients, &gradient);
        Bytes bytes;
        Load(where, &bytes);
        const Numbers chosen = __builtin_convertvector(bytes, Numbers);
#pragma GCC unroll 9
        for (int t = 0; t < 9; ++t) {
          const Numbers bits = (chosen == number[t]) & gradient;
          Floats part;
          Load(&bits, &part);
          sum[t / 3][t % 3] += part;
        }
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
#pragma GCC unroll 3
          for (int c = 0; c < kStride; ++c) add(sum[r][c], to + r * x_row + c * lanes);
#pragma GCC unroll 3
          for (int c = 0; c < 3; ++c) sum[r][c] = c + kStride < 3 ? sum[r][(c + kStride) % 3] : Floats{};
        }
      }
      for (int r = 0; r < 3; ++r) {
        for (int c = 0; c < 3 - kStride; ++c) add(sum[r][c], to + r * x_row + c * lanes);
      }
    }
  }
}

template <int kTaps, bool kAdd>
GRADUS_INLINE void SpreadRows(const PoolTaps& taps, const PoolRun& run, const float* dy, const uint8_t* argmax,
                              float* dx) {
  for (int64_t row = 0; row < run.rows; ++row) {
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t at = row * run.y_row_step + i * run.lanes;
      ForEachChunk(run.lanes,
                   SpreadChunk<kTaps, kAdd>{taps, dy + at, argmax + at, dx + row * run.x_row_step + i * run.x_step});
    }
  }
}

// What argmax says of a tap: its number, or its place in x.
GRADUS_INLINE int32_t Code(uint8_t, int64_t tap, int64_t) { return static_cast<int32_t>(tap); }
GRADUS_INLINE int32_t Code(int32_t, int64_t, int64_t place) { return static_cast<int32_t>(place); }

template <typename Index>
struct WindowChunk {
  const PoolGeometry& geometry;
  PoolPlace o;
  const float* x;
  int64_t lanes;
  float* y;
  Index* argmax;

  template <int kLanes>
  GRADUS_INLINE void Run(int64_t first) const {
    const PoolAxis &depth = geometry.depth, &height = geometry.height, &width = geometry.width;
    float best[kLanes];
    int32_t code[kLanes];
    bool found = false;
    for (int l = 0; l < kLanes; ++l) best[l] = -std::numeric_limits<float>::infinity(), code[l] = 0;
    for (int64_t d = depth.FirstTap(o.depth); d < depth.EndTap(o.depth); ++d) {
      for (int64_t h = height.FirstTap(o.height); h < height.EndTap(o.height); ++h) {
        for (int64_t w = width.FirstTap(o.width); w < width.EndTap(o.width); ++w) {
          const int64_t place = ((depth.Start(o.depth) + d) * height.in + height.Start(o.height) + h) * width.in +
                                width.Start(o.width) + w;
          const int32_t here = Code(Index{}, (d * height.kernel + h) * width.kernel + w, place);
          const float* const from = x + place * lanes + first;
#pragma omp simd
          for (int l = 0; l < kLanes; ++l) {
            const bool stays = found & !((from[l] > best[l]) | (from[l] != from[l]));
            best[l] = stays ? best[l] : from[l];
            code[l] = stays ? code[l] : here;
          }
          found = true;
        }
      }
    }
    for (int l = 0; l < kLanes; ++l) y[first + l] = best[l];
    if (argmax == nullptr) return;
    for (int l = 0; l < kLanes; ++l) argmax[first + l] = static_cast<Index>(code[l]);
  }
};

}  // namespace

GRADUS_MULTIVERSION void MaxOfTaps(const PoolTaps& taps, const PoolRun& run, const float* x, float* y,
                                   uint8_t* argmax) {
  if (taps.count == 9) return MaxRows<9>(taps, run, x, y, argmax);
  if (taps.count == 6) return MaxRows<6>(taps, run, x, y, argmax);
  if (taps.count == 4) return MaxRows<4>(taps, run, x, y, argmax);
  MaxRows<0>(taps, run, x, y, argmax);
}

GRADUS_MULTIVERSION void SpreadToTaps(const PoolTaps& taps, const PoolRun& run, bool add, const float* dy,
                                      const uint8_t* argmax, float* dx) {
  if (add && run.lanes % 8 == 0 && IsSquareOfNine(taps, run.lanes)) {
    if (run.x_step == run.lanes) return SpreadSquares<1>(taps, run, dy, argmax, dx);
    if (run.x_step == 2 * run.lanes) return SpreadSquares<2>(taps, run, dy, argmax, dx);
  }
  if (taps.count == 4 && !add) return SpreadRows<4, false>(taps, run, dy, argmax, dx);
  if (add) return SpreadRows<0, true>(taps, run, dy, argmax, dx);
  SpreadRows<0, false>(taps, run, dy, argmax, dx);
}

GRADUS_MULTIVERSION void MaxOfWindow(const PoolGeometry& geometry, PoolPlace o, const float* x, int64_t lanes, float* y,
                                     uint8_t* argmax) {
  ForEachChunk(lanes, WindowChunk<uint8_t>{geometry, o, x, lanes, y, argmax});
}

GRADUS_MULTIVERSION void MaxOfWindow(const PoolGeometry& geometry, PoolPlace o, const float* x, int64_t lanes, float* y,
                                     int32_t* argmax) {
  ForEachChunk(lanes, WindowChunk<int32_t>{geometry, o, x, lanes, y, argmax});
}

}  // namespace gradus
