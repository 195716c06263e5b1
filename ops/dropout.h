// Dropout (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014).
//
//   Dropout (x) -> y = x mask / (1 - rate), each element of mask 0 with probability `rate`, else 1
//
// The mask is a pure function of the run's seed, the key, the step and the element's row-major index, so nothing is
// kept for the gradient: dx is Dropout of dy with the same attributes.
#ifndef GRADUS_OPS_DROPOUT_H_
#define GRADUS_OPS_DROPOUT_H_

#include <cstdint>

#include "ops/step_numbers.h"

namespace gradus {

struct DropoutAttrs {
  double rate = 0.5;  // in [0, 1)
  uint64_t key = 0;   // of the layer: StableHash of its name
  template <typename F>
  void ForEach(F&& field) const {
    field("rate", rate);
    field("key", key);
  }
};

// An element is dropped when its number is below `threshold`.
struct DropoutNumbers : StepNumbers {
  DropoutNumbers(const DropoutAttrs& attrs, const RunState& state)
      : StepNumbers(attrs.key, state), threshold(static_cast<uint32_t>(attrs.rate * 0x1p32)) {}

  uint32_t threshold;
};

}  // namespace gradus

#endif  // GRADUS_OPS_DROPOUT_H_
