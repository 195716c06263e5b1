// A random permutation of 0 ... n - 1 that needs no memory: element by element, as a pure function of (n, seed,
// number). A Feistel network over pairs (left, right) of about sqrt(n) values each, with Philox as its round function;
// results of n and above are fed in again until they fall below n (Black and Rogaway, "Ciphers with Arbitrary Finite
// Domains", CT-RSA 2002). So an epoch of any length is shuffled at once, and resuming in its middle costs nothing.
//
// A value, thread-safe.
#ifndef GRADUS_DATA_RANDOM_PERMUTATION_H_
#define GRADUS_DATA_RANDOM_PERMUTATION_H_

#include <cstdint>

#include "core/random.h"

namespace gradus {

class RandomPermutation {
 public:
  // The permutation `number` of `seed`. n in [1, 2^60].
  RandomPermutation(int64_t n, uint64_t seed, int64_t number);

  // The element at `place`; both in [0, n).
  int64_t operator()(int64_t place) const;

 private:
  uint64_t n_;
  uint64_t left_;  // left_ * right_ >= n_, by less than 2 sqrt(n_) + 1
  uint64_t right_;
  uint64_t number_;
  Philox philox_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_RANDOM_PERMUTATION_H_
