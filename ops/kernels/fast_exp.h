// exp() that compilers turn into vector code: for loops over many elements.
#ifndef GRADUS_OPS_KERNELS_FAST_EXP_H_
#define GRADUS_OPS_KERNELS_FAST_EXP_H_

#include <cstdint>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus {

// e^x for x <= 88, to 2 units in the last place; 0 below -87.3. NaN gives NaN. Cody and Waite's reduction to
// |r| <= ln(2) / 2 and a polynomial.
//
// What is small is told by its bits, which order negative numbers by their magnitude, and without a choice between
// values: GCC makes a branch around the arithmetic of one, and leaves the loop without vectors before AVX-512.
GRADUS_INLINE float FastExp(float x) {
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr uint32_t kLeast = 0xc2ae999a, kMinusInfinity = 0xff800000;  // kLeast: of -87.3f
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t keep = static_cast<uint32_t>(bits - kLeast - 1 < kMinusInfinity - kLeast) - 1;  // all bits or none
  const uint32_t bounded_bits = (bits & keep) | (kLeast & ~keep);
  float bounded;
  std::memcpy(&bounded, &bounded_bits, sizeof bounded);
  const float shifted = bounded * kLog2e + 12582912.0f;  // 1.5 * 2^23: the fraction is rounded away
  const float n = shifted - 12582912.0f;
  const float r = (bounded - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const uint32_t exponent = (static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23) & keep;
  float power;
  std::memcpy(&power, &exponent, sizeof power);
  return p * power;
}

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_FAST_EXP_H_
