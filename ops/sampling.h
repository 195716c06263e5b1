// Draws from distributions. What is drawn depends on the run's seed, the key, the step and the element's row-major
// index.
//
//   Bernoulli     {key} (p) -> f32 of p's shape, 1 with probability p, else 0
//   GaussianNoise {key} (x) -> f32 of x's shape, standard normal; only the shape of x matters
#ifndef GRADUS_OPS_SAMPLING_H_
#define GRADUS_OPS_SAMPLING_H_

#include <cstdint>

namespace gradus {

struct SamplingAttrs {
  uint64_t key = 0;  // of the layer: StableHash of its name
  template <typename F>
  void ForEach(F&& field) const {
    field("key", key);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_SAMPLING_H_
