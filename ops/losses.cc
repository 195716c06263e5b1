// Losses and metrics of numbers, each a formula of the difference between input and target.
#include <memory>

#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/formula.h"
#include "ops/loss_inputs.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// input - target.
absl::StatusOr<Formula> Difference(Formulas* formulas, LayerContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context));
  return formulas->Of(context.input(0)) - formulas->Of(target);
}

// (input - target)^2
absl::StatusOr<Value> LowerMeanSquaredError(LayerContext& context) {
  Formulas formulas(&context);
  GRADUS_ASSIGN_OR_RETURN(const Formula difference, Difference(&formulas, context));
  return formulas.Result(Apply(SQUARE, difference));
}

// |input - target|
absl::StatusOr<Value> LowerMeanAbsoluteError(LayerContext& context) {
  Formulas formulas(&context);
  GRADUS_ASSIGN_OR_RETURN(const Formula difference, Difference(&formulas, context));
  return formulas.Result(Apply(ABS, difference));
}

// With a = |input - target| and m = min(a, bend): factor m (a - m / 2), which is factor a^2 / 2 below the bend and
// factor bend (a - bend / 2) above.
absl::StatusOr<Value> LowerBent(LayerContext& context, double bend, double factor) {
  Formulas formulas(&context);
  GRADUS_ASSIGN_OR_RETURN(const Formula difference, Difference(&formulas, context));
  const Formula a = Apply(ABS, difference), m = Minimum(a, bend);
  return formulas.Result(factor * (m * (a - 0.5 * m)));
}

absl::StatusOr<Value> LowerSmoothL1(LayerContext& context) {
  const double beta = context.config<SmoothL1>().beta();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "beta", beta));
  return LowerBent(context, beta, 1 / beta);
}

absl::StatusOr<Value> LowerHuber(LayerContext& context) {
  const double delta = context.config<Huber>().delta();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "delta", delta));
  return LowerBent(context, delta, 1);
}

absl::StatusOr<Value> LowerValue(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(false));
  return context.input(0);
}

}  // namespace

REGISTER_LOSS(MeanSquaredError, "gradus.MeanSquaredError", LowerMeanSquaredError);
REGISTER_LOSS(MeanAbsoluteError, "gradus.MeanAbsoluteError", LowerMeanAbsoluteError);
REGISTER_LOSS(SmoothL1, "gradus.SmoothL1", LowerSmoothL1);
REGISTER_LOSS(Huber, "gradus.Huber", LowerHuber);
REGISTER_LOSS(Value, "gradus.ValueLoss", LowerValue);
REGISTER_METRIC(MeanSquaredError, "gradus.MeanSquaredErrorMetric", LowerMeanSquaredError);
REGISTER_METRIC(MeanAbsoluteError, "gradus.MeanAbsoluteErrorMetric", LowerMeanAbsoluteError);
REGISTER_METRIC(Mean, "gradus.MeanMetric", LowerValue);

}  // namespace gradus
