// Winograd's minimal filtering with tiles of six: m = 7 - r outputs of an r-tap filter cost six products instead of m r
// (Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks"). It is Toom and Cook's multiplication of
// polynomials, transposed: all three passes of a convolution are made of one bilinear identity,
//
//   y = Collect_m( Spread(x) * Weigh(Evaluate_r(w)) ),       dw = Collect_r( Weigh( Spread(x) * Evaluate_m(dy) ) )
//
// where Evaluate_n takes the n coefficients of a polynomial to its values at 0, +-5/8, +-3/2 and infinity, Collect_n is
// its transpose, Spread is the transpose of interpolation, and Weigh divides by the interpolation's denominators. In
// two dimensions each is applied to columns, then to rows. These points keep float32 within about twice the error of
// plain sums (the usual 0, +-1, +-2 are five times as far off) and are exact in binary.
//
// Each function works on eight channels at once and is inlined into a function compiled for AVX2.
#ifndef GRADUS_OPS_KERNELS_WINOGRAD_TRANSFORMS_H_
#define GRADUS_OPS_KERNELS_WINOGRAD_TRANSFORMS_H_

#include <cstdint>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus::winograd {

inline constexpr int kPoints = 6;                      // in one dimension
inline constexpr int kTilePoints = kPoints * kPoints;  // in two
inline constexpr int kLanes = 8;

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

inline constexpr float kA = 0.625F, kB = 1.5F;
inline constexpr float kA2 = kA * kA, kB2 = kB * kB;
// Of the six points. 1 / (a^2 b^2), 1 / (2 a^2 (a^2 - b^2)) twice, 1 / (2 b^2 (b^2 - a^2)) twice, 1.
inline constexpr float kWeight[kPoints] = {1 / (kA2 * kB2),
                                           1 / (2 * kA2 * (kA2 - kB2)),
                                           1 / (2 * kA2 * (kA2 - kB2)),
                                           1 / (2 * kB2 * (kB2 - kA2)),
                                           1 / (2 * kB2 * (kB2 - kA2)),
                                           1};

GRADUS_INLINE void Spread(const Lanes (&x)[kPoints], Lanes (&v)[kPoints]) {
  constexpr float kProduct = kA2 * kB2, kSum = kA2 + kB2;
  v[0] = kProduct * x[0] + (x[4] - kSum * x[2]);
  v[5] = kProduct * x[1] + (x[5] - kSum * x[3]);
  const Lanes even_a = x[4] - kB2 * x[2], odd_a = x[3] - kB2 * x[1];
  v[1] = even_a + kA * odd_a;
  v[2] = even_a - kA * odd_a;
  const Lanes even_b = x[4] - kA2 * x[2], odd_b = x[3] - kA2 * x[1];
  v[3] = even_b + kB * odd_b;
  v[4] = even_b - kB * odd_b;
}

template <int N>
GRADUS_INLINE void Evaluate(const Lanes (&c)[N], Lanes (&v)[kPoints]) {
  static_assert(N >= 2 && N <= 5, "tiles of six");
  Lanes even_a = c[0], even_b = c[0], odd_a = kA * c[1], odd_b = kB * c[1];
  if constexpr (N > 2) even_a += kA2 * c[2], even_b += kB2 * c[2];
  if constexpr (N > 3) odd_a += kA2 * kA * c[3], odd_b += kB2 * kB * c[3];
  if constexpr (N > 4) even_a += kA2 * kA2 * c[4], even_b += kB2 * kB2 * c[4];
  v[0] = c[0];
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = c[N - 1];
}

template <int N>
GRADUS_INLINE void Collect(const Lanes (&v)[kPoints], Lanes (&c)[N]) {
  static_assert(N >= 2 && N <= 5, "tiles of six");
  const Lanes sum_a = v[1] + v[2], sum_b = v[3] + v[4], difference_a = v[1] - v[2], difference_b = v[3] - v[4];
  c[0] = v[0] + sum_a + sum_b;
  c[1] = kA * difference_a + kB * difference_b;
  if constexpr (N > 2) c[2] = kA2 * sum_a + kB2 * sum_b;
  if constexpr (N > 3) c[3] = kA2 * kA * difference_a + kB2 * kB * difference_b;
  if constexpr (N > 4) c[4] = kA2 * kA2 * sum_a + kB2 * kB2 * sum_b;
  c[N - 1] += v[5];
}

GRADUS_INLINE void Load(const float* from, Lanes& to) { std::memcpy(&to, from, sizeof(to)); }
GRADUS_INLINE void Store(const Lanes& from, float* to) { std::memcpy(to, &from, sizeof(from)); }

// One step along columns or rows; tells the three apart for TransformTile.
struct SpreadStep {
  static constexpr int kIn = kPoints, kOut = kPoints;
  static GRADUS_INLINE void Apply(const Lanes (&in)[kIn], Lanes (&out)[kOut]) { Spread(in, out); }
};
template <int N>
struct EvaluateStep {
  static constexpr int kIn = N, kOut = kPoints;
  static GRADUS_INLINE void Apply(const Lanes (&in)[kIn], Lanes (&out)[kOut]) { Evaluate<N>(in, out); }
};
template <int N>
struct CollectStep {
  static constexpr int kIn = kPoints, kOut = N;
  static GRADUS_INLINE void Apply(const Lanes (&in)[kIn], Lanes (&out)[kOut]) { Collect<N>(in, out); }
};

// A tile in memory whose rows and columns are `row` and `column` floats apart.
struct StridedTile {
  const float* data;
  int64_t row, column;
  GRADUS_INLINE void Load(int i, int j, Lanes& value) const { winograd::Load(data + i * row + j * column, value); }
};

// The step on the columns, then on the rows, of a tile: something with Load(i, j, value).
template <typename Step, typename Tile>
GRADUS_INLINE void TransformTile(const Tile& tile, Lanes (&out)[Step::kOut][Step::kOut]) {
  Lanes half[Step::kOut][Step::kIn];
#pragma GCC unroll 6
  for (int j = 0; j < Step::kIn; ++j) {
    Lanes from[Step::kIn], to[Step::kOut];
#pragma GCC unroll 6
    for (int i = 0; i < Step::kIn; ++i) tile.Load(i, j, from[i]);
    Step::Apply(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < Step::kOut; ++i) half[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < Step::kOut; ++i) Step::Apply(half[i], out[i]);
}

}  // namespace gradus::winograd

#endif  // GRADUS_OPS_KERNELS_WINOGRAD_TRANSFORMS_H_
