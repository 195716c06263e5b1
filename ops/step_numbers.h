// Random numbers of one run of a node: pure functions of the run's seed, the node's key, the step and an index, so that
// nothing is kept, and a second run of the same step draws the same.
#ifndef GRADUS_OPS_STEP_NUMBERS_H_
#define GRADUS_OPS_STEP_NUMBERS_H_

#include <cstdint>

#include "core/random.h"
#include "graph/kernel.h"

namespace gradus {

// `key`: of the layer, StableHash of its name. Number i is number i % 4 of block i / 4.
class StepNumbers {
 public:
  StepNumbers(uint64_t key, const RunState& state)
      : philox_(state.seed, key),
        batch_((static_cast<uint64_t>(state.step) << kMicroStepBits) + static_cast<uint64_t>(state.micro_step)) {}

  Philox::Block Block(int64_t block) const { return philox_(static_cast<uint64_t>(block), batch_); }

 private:
  static constexpr int kMicroStepBits = 20;
  Philox philox_;
  uint64_t batch_;  // the high half of the counter
};

}  // namespace gradus

#endif  // GRADUS_OPS_STEP_NUMBERS_H_
