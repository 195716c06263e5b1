// Dropout (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014).
//
//   Dropout (x) -> y = x mask / (1 - rate), each element of mask 0 with probability `rate`, else 1
//
// The mask is a pure function of the run's seed, the key, the step and the element's row-major index, so nothing is
// kept for the gradient: dx is Dropout of dy with the same attributes.
#ifndef GRADUS_OPS_DROPOUT_H_
#define GRADUS_OPS_DROPOUT_H_

#include <cstdint>

#include "core/random.h"
#include "graph/kernel.h"

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

// The random numbers of one run of a node: element i has number i % 4 of block i / 4, and is dropped when that is below
// `threshold`.
struct DropoutNumbers {
  DropoutNumbers(const DropoutAttrs& attrs, const RunState& state);

  Philox::Block Block(int64_t block) const { return philox(static_cast<uint64_t>(block), high); }

  Philox philox;
  uint64_t high;  // of the counter: the batch
  uint32_t threshold;
};

}  // namespace gradus

#endif  // GRADUS_OPS_DROPOUT_H_
