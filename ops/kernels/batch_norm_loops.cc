#include "ops/kernels/batch_norm_loops.h"

#include <algorithm>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kRows = 4;      // rows of one period for each visit of the sums
constexpr int64_t kChunk = 1024;  // elements that stay in the first cache

// One expression, so that forward and backward agree about the sign.
GRADUS_INLINE float Normal(float x, float mean, float factor, float shift) { return (x - mean) * factor + shift; }

// dy is read in any case, so that loops become vector code.
GRADUS_INLINE float Masked(float dy, float y) { return y > 0 ? dy : 0; }

// Adds a(i, i % period) to sum[i % period] and its product with b(i, i % period) to product[i % period].
template <typename A, typename B>
GRADUS_INLINE void AddSums(int64_t n, int64_t period, const A& a, const B& b, double* __restrict sum,
                           double* __restrict product) {
  int64_t at = 0;
  for (; at + kRows * period <= n; at += kRows * period) {
#pragma omp simd
    for (int64_t i = 0; i < period; ++i) {
      double sum_a = 0, sum_ab = 0;
      for (int64_t row = 0; row < kRows; ++row) {
        const double left = a(at + row * period + i, i), right = b(at + row * period + i, i);
        sum_a += left;
        sum_ab += left * right;
      }
      sum[i] += sum_a;
      product[i] += sum_ab;
    }
  }
  for (; at < n; at += period) {
    const int64_t count = std::min(period, n - at);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const double left = a(at + i, i), right = b(at + i, i);
      sum[i] += left;
      product[i] += left * right;
    }
  }
}

// y[i] = value(i, i % period) for all i.
template <typename Value>
GRADUS_INLINE void ForEach(int64_t n, int64_t period, float* y, const Value& value) {
  for (int64_t at = 0; at < n; at += period) {
    const int64_t count = std::min(period, n - at);
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) y[at + i] = value(at + i, i);
  }
}

}  // namespace

GRADUS_MULTIVERSION void AddSquares(const float* x, int64_t n, int64_t period, double* sum, double* square) {
  const auto value = [x](int64_t i, int64_t) { return x[i]; };
  AddSums(n, period, value, value, sum, square);
}

GRADUS_MULTIVERSION void AddProducts(const float* dy, const float* x, int64_t n, int64_t period,
                                     const NormaliseTables& tables, bool relu, double* sum, double* product) {
  const auto add = [](const float* g, const float* factor, int64_t count, int64_t columns, double* to, double* and_to) {
    AddSums(
        count, columns, [g](int64_t i, int64_t) { return g[i]; }, [factor](int64_t i, int64_t) { return factor[i]; },
        to, and_to);
  };
  if (!relu) return add(dy, x, n, period, sum, product);
  // First some of g, then its sums: one loop of both would be no vector code.
  const auto [mean, factor, shift] = tables;
  float g[kChunk];
  const int64_t columns = std::min(period, kChunk);
  for (int64_t first = 0; first < period; first += columns) {
    const int64_t width = std::min(columns, period - first);
    const int64_t step = width == period ? kChunk / period * period : period;
    for (int64_t at = first; at < n; at += step) {
      const int64_t count = std::min(width == period ? step : width, n - at);
      ForEach(count, width, g, [=](int64_t i, int64_t c) {
        return Masked(dy[at + i], Normal(x[at + i], mean[first + c], factor[first + c], shift[first + c]));
      });
      add(g, x + at, count, width, sum + first, product + first);
    }
  }
}

GRADUS_MULTIVERSION void Normalise(const float* x, int64_t n, int64_t period, const NormaliseTables& tables,
                                   const NormaliseThen& then, float* y) {
  const auto [mean, factor, shift] = tables;
  const float* const residual = then.residual;
  const auto normal = [=](int64_t i, int64_t c) { return Normal(x[i], mean[c], factor[c], shift[c]); };
  const auto sum = [=](int64_t i, int64_t c) { return normal(i, c) + residual[i]; };
  const auto relu = [](float value) { return value < 0 ? 0 : value; };  // keeps NaN
  if (residual == nullptr && !then.relu) {
    ForEach(n, period, y, normal);
  } else if (residual == nullptr) {
    ForEach(n, period, y, [=](int64_t i, int64_t c) { return relu(normal(i, c)); });
  } else if (!then.relu) {
    ForEach(n, period, y, sum);
  } else {
    ForEach(n, period, y, [=](int64_t i, int64_t c) { return relu(sum(i, c)); });
  }
}

GRADUS_MULTIVERSION void NormaliseBackward(const float* x, const float* dy, int64_t n, int64_t period,
                                           const BackwardTables& tables, bool relu, float* dx) {
  const auto [mean, factor, shift] = tables.normalise;
  const float *const slope = tables.slope, *const offset = tables.offset;
  const auto rest = [=](int64_t i, int64_t c) { return (x[i] - mean[c]) * slope[c] + offset[c]; };
  if (relu) {
    ForEach(n, period, dx, [=](int64_t i, int64_t c) {
      return factor[c] * Masked(dy[i], Normal(x[i], mean[c], factor[c], shift[c])) - rest(i, c);
    });
  } else {
    ForEach(n, period, dx, [=](int64_t i, int64_t c) { return factor[c] * dy[i] - rest(i, c); });
  }
}

}  // namespace gradus
