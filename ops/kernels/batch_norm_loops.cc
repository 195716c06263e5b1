#include "ops/kernels/batch_norm_loops.h"

#include <algorithm>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kRows = 4;  // rows of one period for each visit of the sums

// Sums of x and x y; y is x itself when `square`.
GRADUS_INLINE void AddSums(const float* __restrict x, const float* __restrict y, bool square, int64_t n, int64_t period,
                           double* __restrict sum, double* __restrict product) {
  int64_t at = 0;
  for (; at + kRows * period <= n; at += kRows * period) {
#pragma omp simd
    for (int64_t i = 0; i < period; ++i) {
      double sum_x = 0, sum_xy = 0;
      for (int64_t row = 0; row < kRows; ++row) {
        const double a = x[at + row * period + i];
        const double b = square ? a : y[at + row * period + i];
        sum_x += a;
        sum_xy += a * b;
      }
      sum[i] += sum_x;
      product[i] += sum_xy;
    }
  }
  for (; at < n; at += period) {
    const int64_t count = std::min(period, n - at);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const double a = x[at + i];
      sum[i] += a;
      product[i] += a * (square ? a : y[at + i]);
    }
  }
}

}  // namespace

GRADUS_MULTIVERSION void AddSquares(const float* x, int64_t n, int64_t period, double* sum, double* square) {
  AddSums(x, nullptr, true, n, period, sum, square);
}

GRADUS_MULTIVERSION void AddProducts(const float* x, const float* y, int64_t n, int64_t period, double* sum,
                                     double* product) {
  AddSums(x, y, false, n, period, sum, product);
}

GRADUS_MULTIVERSION void Normalise(const float* x, int64_t n, int64_t period, const NormaliseTables& tables, float* y) {
  const float* __restrict mean = tables.mean;
  const float* __restrict factor = tables.factor;
  const float* __restrict shift = tables.shift;
  for (int64_t at = 0; at < n; at += period) {
    const int64_t count = std::min(period, n - at);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[at + i] = (x[at + i] - mean[i]) * factor[i] + shift[i];
  }
}

GRADUS_MULTIVERSION void NormaliseBackward(const float* x, const float* dy, int64_t n, int64_t period,
                                           const BackwardTables& tables, float* dx) {
  const float* __restrict mean = tables.mean;
  const float* __restrict factor = tables.factor;
  const float* __restrict slope = tables.slope;
  const float* __restrict offset = tables.offset;
  for (int64_t at = 0; at < n; at += period) {
    const int64_t count = std::min(period, n - at);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      dx[at + i] = factor[i] * dy[at + i] - (x[at + i] - mean[i]) * slope[i] - offset[i];
    }
  }
}

}  // namespace gradus
