// Noise for pixels that data sets draw.
#ifndef GRADUS_DATA_PIXEL_NOISE_H_
#define GRADUS_DATA_PIXEL_NOISE_H_

#include <cstdint>

namespace gradus {

// About standard normal, of 32 random bits: the sum of the four bytes, whose mean is 510 and whose deviation 147.8.
inline float NearlyNormal(uint32_t bits) {
  const uint32_t pairs = (bits & 0x00ff00ff) + (bits >> 8 & 0x00ff00ff);
  const uint32_t sum = (pairs & 0xffff) + (pairs >> 16);
  return (static_cast<float>(sum) - 510) / 147.8f;
}

}  // namespace gradus

#endif  // GRADUS_DATA_PIXEL_NOISE_H_
