// Noise for pixels that data sets draw.
#ifndef GRADUS_DATA_PIXEL_NOISE_H_
#define GRADUS_DATA_PIXEL_NOISE_H_

#include <cstdint>

namespace gradus {

// About standard normal, of 32 random bits: the sum of the four bytes, whose mean is 510 and whose deviation 147.8.
inline float NearlyNormal(uint32_t bits) {
  const uint32_t sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
  return (static_cast<float>(sum) - 510) / 147.8f;
}

}  // namespace gradus

#endif  // GRADUS_DATA_PIXEL_NOISE_H_
