// The operations of a training step that graph/training.cc adds besides gradients and optimisers. They live in ops/ like
// all others; what training asks of them is said here.
//
//   SquaredNorm (g...)     -> f32[]  sum of squares of all elements of all inputs
//   Accumulate  (sum, g)   -> sum    g in the first batch of a step (RunState::micro_step 0), else sum + g
//   ClipScale   {count, clip_norm} (squared_norm) -> f32[]
//       by what a sum of `count` gradients is multiplied: 1 / count, and further min(1, clip_norm / norm) with
//       norm = sqrt(squared_norm) / count when clip_norm > 0
#ifndef GRADUS_GRAPH_STEP_OPS_H_
#define GRADUS_GRAPH_STEP_OPS_H_

namespace gradus {

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
