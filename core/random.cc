#include "core/random.h"

#include <Random123/philox.h>

#include <cmath>

namespace gradus {

uint64_t StableHash(absl::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char c : name) {
    hash ^= c;
    hash *= 0x100000001b3ull;
  }
  return hash;
}

// The seed and the name's hash are 128 bits; Philox's key holds 64, so the rest goes into the counter's upper half.
Philox::Philox(uint64_t seed, uint64_t name_hash)
    : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, mix_(name_hash) {}

Philox::Block Philox::operator()(uint64_t low, uint64_t high) const {
  r123::Philox4x32 generate;
  const uint64_t upper = mix_ ^ (high * 0x9e3779b97f4a7c15ull);
  const r123::Philox4x32::ctr_type counter = {{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                                               static_cast<uint32_t>(upper), static_cast<uint32_t>(upper >> 32)}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const r123::Philox4x32::ctr_type out = generate(counter, key);
  return {out[0], out[1], out[2], out[3]};
}

std::array<double, 2> Normal(uint32_t a, uint32_t b) {
  const double radius = std::sqrt(-2 * std::log(UniformOpen(a)));
  const double angle = 6.283185307179586476925 * UniformOpen(b);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

uint32_t RandomSequence::Next() {
  if (used_ == 4) {
    block_ = philox_(counter_++, substream_);
    used_ = 0;
  }
  return block_[used_++];
}

// Lemire's method: multiply, and reject the few low products that would bias the result.
uint64_t RandomSequence::Below(uint64_t n) {
  const uint64_t threshold = (0 - n) % n;
  while (true) {
    const uint64_t bits = (static_cast<uint64_t>(Next()) << 32) | Next();
    const unsigned __int128 product = static_cast<unsigned __int128>(bits) * n;
    if (static_cast<uint64_t>(product) >= threshold) return static_cast<uint64_t>(product >> 64);
  }
}

double RandomSequence::NextNormal() {
  const uint32_t a = Next();
  const uint32_t b = Next();
  return Normal(a, b)[0];
}

}  // namespace gradus
