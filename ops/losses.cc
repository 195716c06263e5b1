// Losses and metrics that are made of other operations.
#include <memory>

#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/binary.h"
#include "ops/unary.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// (input - target)^2, both of one shape: broadcasting here would hide a mistake.
absl::StatusOr<Value> LowerMeanSquaredError(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  const TensorType &input = context.type(context.input(0)), &target = context.type(context.target());
  if (input != target) {
    return context.Error("", "the input is " + input.ToString() + " but the target is " + target.ToString());
  }
  GRADUS_ASSIGN_OR_RETURN(Value difference, context.Call("Binary", {context.input(0), context.target()},
                                                         BinaryAttrs{Binary::SUBTRACT}, "difference"));
  return context.Call("Unary", {difference}, UnaryAttrs{SQUARE});
}

absl::StatusOr<Value> LowerValue(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(false));
  return context.input(0);
}

}  // namespace

REGISTER_LOSS(MeanSquaredError, "gradus.MeanSquaredError", LowerMeanSquaredError);
REGISTER_LOSS(Value, "gradus.ValueLoss", LowerValue);
REGISTER_METRIC(MeanSquaredError, "gradus.MeanSquaredErrorMetric", LowerMeanSquaredError);
REGISTER_METRIC(Mean, "gradus.MeanMetric", LowerValue);

}  // namespace gradus
