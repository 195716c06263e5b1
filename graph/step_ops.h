// The operations that graph/lower.cc and graph/training.cc add to layers, gradients and optimisers. They live in ops/
// like all others; what is asked of them is said here.
//
//   ApplyMask     (values, mask) -> values times mask, 0 wherever the mask is 0; mask: f32 or i32, values' first axes.
//   A
//       mask is given: it has no gradient.
//   NormalizeMask (mask) -> f32 of mask's shape: mask x its elements / its sum; 0 when the sum is 0
//   SquaredNorm (g...)     -> f32[]  sum of squares of all elements of all inputs
//   Accumulate  (sum, g)   -> sum    g in the first batch of a step (RunState::micro_step 0), else sum + g
//   ClipScale   {count, clip_norm} (squared_norm) -> f32[]
//       by what a sum of `count` gradients is multiplied: 1 / count, and further min(1, clip_norm / norm) with
//       norm = sqrt(squared_norm) / count when clip_norm > 0
//   Constrain   {...} (w, learning_rate) -> w, changed as param_group (proto/model.proto) says; learning_rate: f32[],
//   before
//       learning_rate_scale
#ifndef GRADUS_GRAPH_STEP_OPS_H_
#define GRADUS_GRAPH_STEP_OPS_H_

#include <cstdint>

namespace gradus {

struct ConstrainAttrs {
  double proximal_l1 = 0;  // by which learning_rate is multiplied: learning_rate_scale x that of the group
  int64_t keep_largest = 0;
  double prune_below = 0;
  double max_norm = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("proximal_l1", proximal_l1);
    field("keep_largest", keep_largest);
    field("prune_below", prune_below);
    field("max_norm", max_norm);
  }
};

struct ClipScaleAttrs {
  double count = 1;
  double clip_norm = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("count", count);
    field("clip_norm", clip_norm);
  }
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_STEP_OPS_H_
