#include "ops/kernels/lrn_loops.h"

#include <cmath>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

// s^(-1/4) for s > 0, to 2 units in the last place: a quarter of the exponent, then two steps of the binomial series of
// s^(-1/4) = y (1 - e)^(-1/4), e = 1 - s y^4, of fourth and of third order. No root and no division.
GRADUS_INLINE float InverseFourthRoot(float s) {
  int32_t bits;
  std::memcpy(&bits, &s, sizeof bits);
  bits = 0x4f581800 - (bits >> 2);  // |e| < 0.124
  float y;
  std::memcpy(&y, &bits, sizeof y);
  const float e = 1 - s * ((y * y) * (y * y));
  y += y * (e * (0.25f + e * (5.0f / 32 + e * (15.0f / 128))));
  const float rest = 1 - s * ((y * y) * (y * y));
  return y + y * (rest * (0.25f + rest * (5.0f / 32)));
}

// s^-beta and s^(-beta - 1). kQuarters is 4 beta; 0: any beta.
template <int kQuarters>
GRADUS_INLINE void Powers(float s, float beta, float* factor, float* slope) {
  if (kQuarters == 0) {
    *factor = std::pow(s, -beta);
    *slope = *factor / s;
    return;
  }
  const float root = InverseFourthRoot(s), square = root * root;
  *factor = kQuarters == 1 ? root : kQuarters == 2 ? square : kQuarters == 3 ? square * root : square * square;
  *slope = *factor * (square * square);
}

// The sums of one chunk; kTaps is 0 when known only at run time.
template <int kTaps>
GRADUS_INLINE void WindowSums(const LrnWindow& window, const float* v, float* sum) {
  const int64_t taps = kTaps == 0 ? window.taps : kTaps;
  for (int l = 0; l < kLrnChunk; ++l) sum[l] = v[l];
#pragma GCC unroll 8
  for (int64_t tap = 1; tap < taps; ++tap) {
    for (int l = 0; l < kLrnChunk; ++l) sum[l] += v[tap * window.step + l];
  }
}

template <int kTaps, int kQuarters>
GRADUS_INLINE void Factors(const LrnFormula& formula, const LrnWindow& window, int64_t n,
                           const float* __restrict squares, float* __restrict factor, float* __restrict product) {
  for (int64_t i = 0; i < n; i += kLrnChunk) {
    float sum[kLrnChunk], slope[kLrnChunk];
    WindowSums<kTaps>(window, squares + i, sum);
    for (int l = 0; l < kLrnChunk; ++l) {
      Powers<kQuarters>(formula.k + formula.scale * sum[l], formula.beta, &factor[i + l], &slope[l]);
    }
    if (product == nullptr) continue;
    for (int l = 0; l < kLrnChunk; ++l) product[i + l] *= slope[l];
  }
}

template <int kTaps>
GRADUS_INLINE void FactorsOfTaps(const LrnFormula& formula, const LrnWindow& window, int64_t n, const float* squares,
                                 float* factor, float* product) {
  if (formula.beta == 0.75f) return Factors<kTaps, 3>(formula, window, n, squares, factor, product);
  if (formula.beta == 0.5f) return Factors<kTaps, 2>(formula, window, n, squares, factor, product);
  if (formula.beta == 1.0f) return Factors<kTaps, 4>(formula, window, n, squares, factor, product);
  if (formula.beta == 0.25f) return Factors<kTaps, 1>(formula, window, n, squares, factor, product);
  Factors<kTaps, 0>(formula, window, n, squares, factor, product);
}

// Calls body(offset in the tensor, offset in lines, length) for all segments.
template <typename Body>
GRADUS_INLINE void ForEachSegment(const LrnTile& tile, const Body& body) {
  for (int64_t segment = 0; segment < tile.segments; ++segment) {
    int64_t from = segment * tile.tensor_segment, to = segment * tile.line_segment;
    for (int64_t line = 0; line < tile.lines; ++line, from += tile.tensor_line, to += tile.line_step) {
      if (tile.length == 8) {
        body(from, to, 8);
      } else if (tile.length == 16) {
        body(from, to, 16);
      } else {
        body(from, to, tile.length);
      }
    }
  }
}

}  // namespace

GRADUS_MULTIVERSION void LrnSquares(const LrnTile& tile, const float* x, float* to) { LrnProducts(tile, x, x, to); }

GRADUS_MULTIVERSION void LrnProducts(const LrnTile& tile, const float* x, const float* y, float* to) {
  ForEachSegment(tile, [=](int64_t from, int64_t at, int64_t length) {
#pragma omp simd
    for (int64_t i = 0; i < length; ++i) to[at + i] = x[from + i] * y[from + i];
  });
}

GRADUS_MULTIVERSION void LrnFactors(const LrnFormula& formula, const LrnWindow& window, int64_t n, const float* squares,
                                    float* factor) {
  if (window.taps == 5) return FactorsOfTaps<5>(formula, window, n, squares, factor, nullptr);
  FactorsOfTaps<0>(formula, window, n, squares, factor, nullptr);
}

GRADUS_MULTIVERSION void LrnFactorsAndSlopes(const LrnFormula& formula, const LrnWindow& window, int64_t n,
                                             const float* squares, float* factor, float* product) {
  if (window.taps == 5) return FactorsOfTaps<5>(formula, window, n, squares, factor, product);
  FactorsOfTaps<0>(formula, window, n, squares, factor, product);
}

GRADUS_MULTIVERSION void LrnSums(const LrnWindow& window, int64_t n, float scale, const float* v, float* sum) {
  for (int64_t i = 0; i < n; i += kLrnChunk) {
    float chunk[kLrnChunk];
    if (window.taps == 5) {
      WindowSums<5>(window, v + i, chunk);
    } else {
      WindowSums<0>(window, v + i, chunk);
    }
    for (int l = 0; l < kLrnChunk; ++l) sum[i + l] = scale * chunk[l];
  }
}

GRADUS_MULTIVERSION void LrnScale(const LrnTile& tile, const float* x, const float* factor, float* y) {
  ForEachSegment(tile, [=](int64_t at, int64_t from, int64_t length) {
#pragma omp simd
    for (int64_t i = 0; i < length; ++i) y[at + i] = x[at + i] * factor[from + i];
  });
}

GRADUS_MULTIVERSION void LrnCombine(const LrnTile& tile, const float* x, const float* dy, const float* factor,
                                    const float* sum, float* dx) {
  ForEachSegment(tile, [=](int64_t at, int64_t from, int64_t length) {
#pragma omp simd
    for (int64_t i = 0; i < length; ++i) dx[at + i] = dy[at + i] * factor[from + i] - x[at + i] * sum[from + i];
  });
}

}  // namespace gradus
