// What the updates of all optimisers begin with: the gradient, scaled, with weight decay added.
#ifndef GRADUS_OPS_KERNELS_UPDATE_STEP_H_
#define GRADUS_OPS_KERNELS_UPDATE_STEP_H_

#include <cstdint>

#include "ops/kernels/multiversion.h"
#include "ops/optimizers.h"

namespace gradus {

inline constexpr int64_t kUpdateGrain = 1 << 14;  // elements worth a thread
inline constexpr int64_t kUpdateAlign = 16;       // parts begin at cache lines

struct Step {
  float rate, scale, weight_decay, weight_decay_l1;
};

// What a running average keeps of itself and takes of the new value. Both are rounded from double: 1 - 0.999f is 1e-5
// away from 0.001, and so would each step of Adam be from what the paper says.
struct Share {
  explicit Share(double kept) : old(static_cast<float>(kept)), fresh(static_cast<float>(1 - kept)) {}
  float old, fresh;
};

GRADUS_INLINE float Decayed(float w, float g, const Step& s) {
  const float sign = static_cast<float>(w > 0) - static_cast<float>(w < 0);
  return s.scale * g + s.weight_decay * w + s.weight_decay_l1 * sign;
}

inline Step MakeStep(const DecayAttrs& decay, const float* rate, const float* scale) {
  return {static_cast<float>(*rate * decay.learning_rate_scale), *scale, static_cast<float>(decay.weight_decay),
          static_cast<float>(decay.weight_decay_l1)};
}

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_UPDATE_STEP_H_
