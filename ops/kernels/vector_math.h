// Functions of eight numbers at once, in GCC's vector notation: for code inlined into functions that are compiled for
// several instruction sets (ops/kernels/multiversion.h). NaN gives NaN.
#ifndef GRADUS_OPS_KERNELS_VECTOR_MATH_H_
#define GRADUS_OPS_KERNELS_VECTOR_MATH_H_

#include <cstdint>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus {

inline constexpr int kLanes = 8;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t LaneInts __attribute__((vector_size(kLanes * sizeof(int32_t))));

// The first `count` from memory, zeros behind them; and back.
GRADUS_INLINE Lanes LoadLanes(const float* from, int64_t count) {
  Lanes x{};
  if (count == kLanes) {
    std::memcpy(&x, from, sizeof x);
  } else {
    float padded[kLanes] = {};
    for (int64_t i = 0; i < count; ++i) padded[i] = from[i];
    std::memcpy(&x, padded, sizeof x);
  }
  return x;
}

GRADUS_INLINE void StoreLanes(Lanes x, int64_t count, float* to) {
  if (count == kLanes) {
    std::memcpy(to, &x, sizeof x);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = x[i];
  }
}

// tanh by a quotient of polynomials, to 1e-7; beyond 7.9 it is 1 in float32.
GRADUS_INLINE Lanes LanesTanh(Lanes x) {
  constexpr float kFar = 7.90531110763549805f;
  const Lanes far = Lanes{} + kFar;
  const Lanes near = x > far ? far : x < -far ? -far : x;
  const Lanes z = near * near;
  Lanes p = z * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = p * z - 8.60467152213735e-11f;
  p = p * z + 5.12229709037114e-08f;
  p = p * z + 1.48572235717979e-05f;
  p = p * z + 6.37261928875436e-04f;
  p = p * z + 4.89352455891786e-03f;
  Lanes q = z * 1.19825839466702e-06f + 1.18534705686654e-04f;
  q = q * z + 2.26843463243900e-03f;
  q = q * z + 4.89352518554385e-03f;
  return near * p / q;
}

// 1 / (1 + e^-x)
GRADUS_INLINE Lanes LanesSigmoid(Lanes x) { return LanesTanh(x * 0.5f) * 0.5f + 0.5f; }

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_VECTOR_MATH_H_
