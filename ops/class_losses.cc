// Losses and metrics of classes, as formulas.
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/formula.h"
#include "ops/label_elements.h"
#include "ops/loss_inputs.h"
#include "ops/softmax.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

constexpr ClassValues kZeroOne = {0, 1}, kSigns = {-1, 1};

int LastAxis(const Formula& x) { return x.formulas().shape(x).rank() - 1; }

// The input's element of the label, f32[N, ...].
Formula OfLabel(const Formula& x, Value labels) {
  const Shape& shape = x.formulas().shape(x);
  return x.formulas().Call("TakeLabel", {x, x.formulas().Of(labels)}, LabelElementsAttrs{shape[shape.rank() - 1]});
}

// t softplus(-x) + (1 - t) softplus(x): neither part cancels, whatever x is.
absl::StatusOr<Value> LowerBinaryCrossEntropy(LayerContext& context) {
  const double positive_weight = context.config<BinaryCrossEntropy>().positive_weight();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "positive_weight", positive_weight));
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context, &kZeroOne));
  Formulas formulas(&context);
  const Formula x = formulas.Of(context.input(0)), t = formulas.Of(target);
  return formulas.Result(positive_weight * (t * Apply(SOFTPLUS, -x)) + (1 - t) * Apply(SOFTPLUS, x));
}

absl::StatusOr<Value> LowerNegativeLogLikelihood(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  if (!TargetIsLabels(context)) {
    return context.Error("", absl::StrCat("the input is ", context.type(context.input(0)).ToString(),
                                          " and the target ", context.type(context.target()).ToString(),
                                          "; expected f32[N, ..., C] and labels i32[N, ...]"));
  }
  Formulas formulas(&context);
  return formulas.Result(-OfLabel(formulas.Of(context.input(0)), context.target()));
}

// Two classes: max(0, margin - t x). Many: the sum over classes of max(0, margin + x_c - x_label), less the margin that
// the label's own class adds.
absl::StatusOr<Value> LowerHinge(LayerContext& context) {
  const auto& config = context.config<Hinge>();
  const double margin = config.margin();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "margin", margin));
  Formulas formulas(&context);
  const auto part = [&](const Formula& violation) {
    const Formula positive = Apply(RELU, violation);
    return config.squared() ? Apply(SQUARE, positive) : positive;
  };
  if (TargetIsLabelsOfMany(context)) {
    const Formula x = formulas.Of(context.input(0));
    const Formula own = OfLabel(x, context.target());
    if (!formulas.ok()) return formulas.Result(own);
    Dims column = formulas.shape(own).dims();
    column.push_back(1);
    GRADUS_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(column));
    const Formula parts = part(x - Reshaped(own, shape) + margin);
    return formulas.Result(Reduced(Reduce::SUM, parts, LastAxis(x)) - (config.squared() ? margin * margin : margin));
  }
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context, &kSigns));
  return formulas.Result(part(margin - formulas.Of(target) * formulas.Of(context.input(0))));
}

// By a maximum, not by relu: where t x is 0 half of the gradient flows.
absl::StatusOr<Value> LowerPerceptron(LayerContext& context) {
  Formulas formulas(&context);
  if (TargetIsLabelsOfMany(context)) {
    const Formula x = formulas.Of(context.input(0));
    return formulas.Result(Reduced(Reduce::MAX, x, LastAxis(x)) - OfLabel(x, context.target()));
  }
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context, &kSigns));
  return formulas.Result(Maximum(-(formulas.Of(target) * formulas.Of(context.input(0))), 0));
}

// The sum over the last axis of t (log(t) - x). t log(t) is 0 for t = 0.
absl::StatusOr<Value> LowerKlDivergence(LayerContext& context) {
  constexpr double kLeastProbability = 1e-37;  // a normal f32
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  const TensorType &input = context.type(context.input(0)), &target = context.type(context.target());
  if (input != target || input.dtype != DType::kFloat32 || input.shape.rank() < 2) {
    return context.Error("", absl::StrCat("the input is ", input.ToString(), " and the target ", target.ToString(),
                                          "; expected both to be f32[N, ..., C]"));
  }
  Formulas formulas(&context);
  const Formula x = formulas.Of(context.input(0)), t = formulas.Of(context.target());
  const Formula parts = t * (Apply(LOG, Maximum(t, kLeastProbability)) - x);
  return formulas.Result(Reduced(Reduce::SUM, parts, LastAxis(x)));
}

// Two classes, with s = 2 t - 1 and z = s x: log(p_t) = -softplus(-z), (1 - p_t)^gamma = exp(-gamma softplus(z)).
absl::StatusOr<Value> LowerBinaryFocal(LayerContext& context, const FocalLoss& config) {
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context, &kZeroOne));
  Formulas formulas(&context);
  const Formula t = formulas.Of(target);
  const Formula z = (2 * t - 1) * formulas.Of(context.input(0));
  Formula loss = Apply(SOFTPLUS, -z);
  if (config.gamma() != 0) loss = Apply(EXP, -config.gamma() * Apply(SOFTPLUS, z)) * loss;
  if (config.has_alpha()) loss = ((2 * config.alpha() - 1) * t + (1 - config.alpha())) * loss;
  return formulas.Result(loss);
}

// Many: -(1 - p_t)^gamma log(p_t). 1 - p_t is kept from 0, where its logarithm has no slope.
absl::StatusOr<Value> LowerFocal(LayerContext& context) {
  constexpr double kLeastRest = 0x1p-24;
  const auto& config = context.config<FocalLoss>();
  if (!(config.gamma() >= 0 && std::isfinite(config.gamma()))) {
    return context.Error("gamma", absl::StrCat("gamma is ", config.gamma(), "; it must be 0 or more"));
  }
  if (config.has_alpha() && !(config.alpha() >= 0 && config.alpha() <= 1)) {
    return context.Error("alpha", absl::StrCat("alpha is ", config.alpha(), "; it must be in [0, 1]"));
  }
  if (!TargetIsLabelsOfMany(context)) return LowerBinaryFocal(context, config);
  if (config.has_alpha()) {
    return context.Error("alpha", "alpha is for two classes; with many, a mask may weigh examples");
  }
  Formulas formulas(&context);
  const Formula x = formulas.Of(context.input(0));
  const Formula log_p = OfLabel(formulas.Call("LogSoftmax", {x}, SoftmaxAttrs{LastAxis(x)}), context.target());
  if (config.gamma() == 0) return formulas.Result(-log_p);
  const Formula rest = Maximum(1 - Apply(EXP, log_p), kLeastRest);
  return formulas.Result(Apply(EXP, config.gamma() * Apply(LOG, rest)) * -log_p);
}

// 1 - |[x > threshold] - [t > 0]|, [x > 0] as max(sign(x), 0).
absl::StatusOr<Value> LowerBinaryAccuracy(LayerContext& context) {
  const double threshold = context.config<BinaryAccuracy>().threshold();
  if (!std::isfinite(threshold)) {
    return context.Error("threshold", absl::StrCat("threshold is ", threshold, "; it must be a number"));
  }
  GRADUS_ASSIGN_OR_RETURN(const Value target, ComparableTarget(context, &kZeroOne));
  Formulas formulas(&context);
  const auto above_zero = [](const Formula& x) { return Apply(RELU, Apply(SIGN, x)); };
  const Formula x = formulas.Of(context.input(0));
  const Formula side = above_zero(threshold == 0 ? x : x - threshold);
  return formulas.Result(1 - Apply(ABS, side - above_zero(formulas.Of(target))));
}

}  // namespace

REGISTER_LOSS(BinaryCrossEntropy, "gradus.BinaryCrossEntropy", LowerBinaryCrossEntropy);
REGISTER_LOSS(NegativeLogLikelihood, "gradus.NegativeLogLikelihood", LowerNegativeLogLikelihood);
REGISTER_LOSS(Hinge, "gradus.Hinge", LowerHinge);
REGISTER_LOSS(Perceptron, "gradus.PerceptronLoss", LowerPerceptron);
REGISTER_LOSS(KlDivergence, "gradus.KlDivergence", LowerKlDivergence);
REGISTER_LOSS(Focal, "gradus.FocalLoss", LowerFocal);
REGISTER_METRIC(
    BinaryAccuracy, "gradus.BinaryAccuracy", LowerBinaryAccuracy, [] { return std::make_unique<MeanAccumulator>(); },
    /*larger_is_better=*/true);

}  // namespace gradus
