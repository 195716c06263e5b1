// What lowerings of losses and metrics check of their inputs and targets.
#ifndef GRADUS_OPS_LOSS_INPUTS_H_
#define GRADUS_OPS_LOSS_INPUTS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/layer.h"

namespace gradus {

// What the two classes of a target are called: class 0 and class 1.
struct ClassValues {
  double zero = 0, one = 1;
};

// The target, f32 and of the input's shape: that may have a last axis of size 1 more or less. Broadcasting beyond that
// would hide a mistake. An i32 target has the classes 0 and 1 where `classes` says their values, and is refused
// otherwise.
absl::StatusOr<Value> ComparableTarget(LayerContext& context, const ClassValues* classes = nullptr);

// Whether there is one input f32[N, ..., C] and the target is i32[N, ...]: a label for each of its rows.
bool TargetIsLabels(const LayerContext& context);
// The same of more than one class; with one, the target may also be the class 0 or 1 of each number.
bool TargetIsLabelsOfMany(const LayerContext& context);

// An error at the field unless the number is finite and above 0.
absl::Status CheckPositive(const LayerContext& context, absl::string_view field, double value);

}  // namespace gradus

#endif  // GRADUS_OPS_LOSS_INPUTS_H_
