// Counter-based random numbers (Philox4x32-10; Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
// A number is a pure function of a key and a counter: there is no stream to share, to save or to get out of order.
// Thread-safe: everything here is const.
#ifndef GRADUS_CORE_RANDOM_H_
#define GRADUS_CORE_RANDOM_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace gradus {

// A 64-bit FNV-1a hash of a name; stable for ever (it decides initial weights and dropout masks).
uint64_t StableHash(absl::string_view name);

// The numbers of one (seed, name): for an initialiser the name is the variable's, for dropout the operation's.
class Philox {
 public:
  Philox(uint64_t seed, uint64_t name_hash);
  Philox(uint64_t seed, absl::string_view name) : Philox(seed, StableHash(name)) {}

  using Block = std::array<uint32_t, 4>;

  // Four independent 32-bit numbers for a counter (`low`, `high`): index of the block and, say, the step.
  Block operator()(uint64_t low, uint64_t high = 0) const;

 private:
  uint32_t key_[2];
  uint64_t mix_;
};

// Uniform in [0, 1) with 24 bits; in (0, 1) with 32 bits.
inline float UniformFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
inline double UniformOpen(uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; }

// Two standard normal numbers of two uniform ones (Box and Muller, 1958).
std::array<double, 2> Normal(uint32_t a, uint32_t b);

// A sequence over one (seed, name, substream), for code that draws one number after the other: shuffles, augmentation.
class RandomSequence {
 public:
  RandomSequence(uint64_t seed, absl::string_view name, uint64_t substream = 0)
      : philox_(seed, name), substream_(substream) {}

  uint32_t Next();
  double Uniform() { return UniformOpen(Next()); }  // (0, 1)
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  uint64_t Below(uint64_t n);  // [0, n), unbiased; n > 0
  double NextNormal();

 private:
  Philox philox_;
  uint64_t substream_;
  uint64_t counter_ = 0;
  Philox::Block block_{};
  int used_ = 4;
};

}  // namespace gradus

#endif  // GRADUS_CORE_RANDOM_H_
