// Batch normalisation over channels (axis 1) of f32[N, C] or f32[N, C, spatial...], by the mean and biased variance of
// each channel over the m = N x spatial... elements that it has (Ioffe and Szegedy, "Batch Normalization: Accelerating
// Deep Network Training by Reducing Internal Covariate Shift", ICML 2015).
//
//   BatchNorm          (x, [scale], [shift]) -> (y, mean, variance)
//                      y = scale (x - mean) / sqrt(variance + epsilon) + shift
//   BatchNormInference (x, mean, variance, [scale], [shift]) -> y, the same of given statistics
//   BatchNormBackward  (x, dy, mean, variance, [scale]) -> (dx, [dscale], [dshift])
//                      n = (x - mean) / sqrt(variance + epsilon), dshift = sum(dy), dscale = sum(dy n),
//                      dx = scale (dy - dshift / m - n dscale / m) / sqrt(variance + epsilon)
//   BatchNormRelu, BatchNormInferenceRelu: the same with y = relu(...)
//   BatchNormAdd          (x, r, [scale], [shift]) -> (y, mean, variance), with r added, and then relu if the
//   attributes BatchNormInferenceAdd (x, r, mean, variance, [scale], [shift]) -> y    say so BatchNormReluBackward (x,
//   dy, mean, variance, [scale], [shift]) -> (dx, [dscale], [dshift])
//                      BatchNormBackward of dy where BatchNormRelu's y is above 0, and 0 elsewhere
//   RunningAverage     (running, batch) -> momentum running + (1 - momentum) correction batch
//
// Passes make the fused ones (ops/passes/), after differentiation. Scale, shift and statistics are f32[C]; those in
// brackets are there when the attributes say so.
#ifndef GRADUS_OPS_BATCH_NORM_H_
#define GRADUS_OPS_BATCH_NORM_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/graph.h"

namespace gradus {

class BatchNorm;     // proto/layers.proto
class LayerContext;  // graph/layer.h

struct BatchNormAttrs {
  double epsilon = 1e-5;
  bool has_scale = true, has_shift = true;
  template <typename F>
  void ForEach(F&& field) const {
    field("epsilon", epsilon);
    field("has_scale", has_scale);
    field("has_shift", has_shift);
  }
};

struct BatchNormAddAttrs {  // BatchNormAdd, BatchNormInferenceAdd
  BatchNormAttrs norm;
  bool relu = false;
  template <typename F>
  void ForEach(F&& field) const {
    norm.ForEach(field);
    field("relu", relu);
  }
};

struct RunningAverageAttrs {
  double momentum = 0.9;
  double correction = 1;
  template <typename F>
  void ForEach(F&& field) const {
    field("momentum", momentum);
    field("correction", correction);
  }
};

// Adds the nodes of a batch norm of x, with its variables, as `<layer>` (`suffix` "") or `<layer>/<suffix>`.
absl::StatusOr<Value> AddBatchNorm(LayerContext& context, Value x, const BatchNorm& config, absl::string_view suffix);

}  // namespace gradus

#endif  // GRADUS_OPS_BATCH_NORM_H_
