#include "data/random_permutation.h"

#include <cmath>

#include "core/check.h"

namespace gradus {
namespace {

constexpr uint64_t kRounds = 8;  // four make a strong pseudo-random permutation; small n get twice that

}  // namespace

RandomPermutation::RandomPermutation(int64_t n, uint64_t seed, int64_t number)
    : n_(static_cast<uint64_t>(n)), number_(static_cast<uint64_t>(number)), philox_(seed, "shuffle") {
  GRADUS_CHECK(n >= 1 && n <= (int64_t{1} << 60));
  left_ = static_cast<uint64_t>(std::ceil(std::sqrt(static_cast<double>(n_))));
  right_ = (n_ + left_ - 1) / left_;
}

// Each round adds a random function of one half to the other half, which the same function would take away again.
int64_t RandomPermutation::operator()(int64_t place) const {
  uint64_t x = static_cast<uint64_t>(place);
  do {
    uint64_t left = x / right_;
    uint64_t right = x % right_;
    for (uint64_t round = 0; round < kRounds; ++round) {
      const uint64_t fixed = round % 2 == 0 ? right : left;
      const Philox::Block bits = philox_(fixed * kRounds + round, number_);
      const uint64_t random = (static_cast<uint64_t>(bits[0]) << 32) | bits[1];
      if (round % 2 == 0) {
        left = (left + random % left_) % left_;
      } else {
        right = (right + random % right_) % right_;
      }
    }
    x = left * right_ + right;
  } while (x >= n_);
  return static_cast<int64_t>(x);
}

}  // namespace gradus
