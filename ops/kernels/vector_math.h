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

// e^x for x <= 88, to 2 units in the last place; 0 below -87.3: FastExp (ops/kernels/fast_exp.h) of each.
GRADUS_INLINE Lanes LanesExp(Lanes x) {
  const Lanes least = Lanes{} - 87.3f;
  const Lanes bounded = x < least ? least : x;
  const Lanes n = (bounded * 1.44269504f + 12582912.0f) - 12582912.0f;  // 1.5 * 2^23: the fraction is rounded away
  const Lanes r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  Lanes p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Lanes power = (Lanes)((__builtin_convertvector(n, LaneInts) + 127) << 23);
  return x < least ? Lanes{} : p * power;
}

// 1 / (1 + e^-x)
GRADUS_INLINE Lanes LanesSigmoid(Lanes x) {
  const Lanes least = Lanes{} - 88.0f;
  return 1.0f / (1.0f + LanesExp(-(x < least ? least : x)));
}

// By a polynomial near 0, where 1 - e^-2x would lose digits.
GRADUS_INLINE Lanes LanesTanh(Lanes x) {
  const Lanes magnitude = x < 0.0f ? -x : x;
  const Lanes e = LanesExp(magnitude * -2.0f);
  const Lanes far = (1.0f - e) / (1.0f + e);
  const Lanes z = x * x;
  Lanes p = z * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const Lanes near = p * z * x + x;
  return magnitude < 0.625f ? near : x < 0.0f ? -far : far;
}

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_VECTOR_MATH_H_
