// The cross entropy of softmax(logits) and class labels, fused so that it is stable and needs no softmax in memory.
//
//   SoftmaxCrossEntropy         (logits f32[..., C], labels i32[...])               -> loss f32[...]
//       loss = log(sum(exp(x))) - sum(t x),  t = (1 - s) onehot(label) + s / C,  s the label smoothing
//   SoftmaxCrossEntropyBackward (logits f32[..., C], labels i32[...], dloss f32[...]) -> dlogits f32[..., C]
//       dx = dloss (softmax(x) - t)
//   LabelWeight                 (labels i32[...]) -> f32[...]: the weight of each label's class
//
// A label outside [0, C) is an error of the run, which names the example (index along the first axis).
#ifndef GRADUS_OPS_SOFTMAX_CROSS_ENTROPY_H_
#define GRADUS_OPS_SOFTMAX_CROSS_ENTROPY_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace gradus {

struct CrossEntropyAttrs {
  double label_smoothing = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("label_smoothing", label_smoothing);
  }
};

struct LabelWeightAttrs {
  std::vector<double> weights;  // by class
  template <typename F>
  void ForEach(F&& field) const {
    field("weights", weights);
  }
};

// The error for the label at `index` of labels with `per_example` elements for each example.
absl::Status LabelError(int64_t label, int64_t classes, int64_t index, int64_t per_example);

}  // namespace gradus

#endif  // GRADUS_OPS_SOFTMAX_CROSS_ENTROPY_H_
