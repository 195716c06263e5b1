#include "graph/orthonormalize.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/parallel.h"

namespace gradus {
namespace {

// Vectors that are made orthonormal together, so that the others pass through the caches once for all of them.
constexpr int64_t kBlock = 32;

// In eight sums, which the processor adds side by side.
double Dot(const double* a, const double* b, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; ++k) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// a -= (a . unit) unit
void RemovePart(double* a, const double* unit, int64_t n) {
  const double part = Dot(a, unit, n);
  for (int64_t i = 0; i < n; ++i) a[i] -= part * unit[i];
}

void Normalize(double* a, int64_t n) {
  const double scale = 1 / std::sqrt(Dot(a, a, n));
  for (int64_t i = 0; i < n; ++i) a[i] *= scale;
}

}  // namespace

// Modified Gram-Schmidt: for each block of vectors
//   1. make them orthonormal among themselves, one after the other;
//   2. remove their parts from all vectors that follow, which do not see each other and so go in parallel.
void Orthonormalize(absl::Span<double> vectors, int64_t count, int64_t length) {
  GRADUS_CHECK(count <= length && static_cast<int64_t>(vectors.size()) == count * length);
  const auto vector = [&](int64_t i) { return vectors.data() + i * length; };
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(count, begin + kBlock);
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = begin; j < i; ++j) RemovePart(vector(i), vector(j), length);
      Normalize(vector(i), length);
    }
    const int64_t grain = std::max<int64_t>(1, 4096 / length);
    ParallelFor(count - end, grain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        for (int64_t j = begin; j < end; ++j) RemovePart(vector(end + i), vector(j), length);
      }
    });
  }
}

}  // namespace gradus
