// Losses of Euclidean distances between the vectors that a network makes of its examples, as formulas.
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/formula.h"
#include "ops/loss_inputs.h"
#include "ops/matmul.h"
#include "ops/softmax_cross_entropy.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// Added to squared distances: a distance of 0 has a slope then, 0.
constexpr double kLeastSquare = 1e-12;

Formula SquaredDistance(const Formula& a, const Formula& b) { return Reduced(Reduce::SUM, Apply(SQUARE, a - b), 1); }

Formula Distance(const Formula& a, const Formula& b) { return Apply(SQRT, SquaredDistance(a, b) + kLeastSquare); }

// All inputs are f32[N, D].
absl::Status CheckVectors(const LayerContext& context) {
  const TensorType& first = context.type(context.input(0));
  for (int i = 0; i < context.num_inputs(); ++i) {
    const TensorType& type = context.type(context.input(i));
    if (type == first && type.dtype == DType::kFloat32 && type.shape.rank() == 2) continue;
    return context.Error("", absl::StrCat("input ", i, " is ", type.ToString(), "; expected ",
                                          first.shape.rank() == 2 && i > 0 ? first.ToString() : "f32[N, D]"));
  }
  return absl::OkStatus();
}

// t d^2 / 2 + (1 - t) max(0, margin - d)^2 / 2
absl::StatusOr<Value> LowerContrastive(LayerContext& context) {
  const double margin = context.config<ContrastiveLoss>().margin();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "margin", margin));
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  GRADUS_RETURN_IF_ERROR(CheckVectors(context));
  Value target = context.target();
  const int64_t batch = context.shape(context.input(0))[0];
  if (context.shape(target) != Shape{batch}) {
    return context.Error("", absl::StrCat("the target is ", context.type(target).ToString(), "; expected i32[", batch,
                                          "] or f32[", batch, "]: 1 for a pair of one kind, else 0"));
  }
  if (context.type(target).dtype == DType::kInt32) {
    GRADUS_ASSIGN_OR_RETURN(target, context.Call("LabelWeight", {target}, LabelWeightAttrs{{0, 1}}, "target"));
  }
  Formulas formulas(&context);
  const Formula square = SquaredDistance(formulas.Of(context.input(0)), formulas.Of(context.input(1)));
  const Formula distance = Apply(SQRT, square + kLeastSquare), t = formulas.Of(target);
  const Formula apart = Apply(SQUARE, Apply(RELU, margin - distance));
  return formulas.Result(0.5 * (t * square + (1 - t) * apart));
}

// max(0, d(anchor, positive) - d(anchor, negative) + margin)
absl::StatusOr<Value> LowerTriplet(LayerContext& context) {
  const double margin = context.config<TripletLoss>().margin();
  GRADUS_RETURN_IF_ERROR(CheckPositive(context, "margin", margin));
  GRADUS_RETURN_IF_ERROR(CheckVectors(context));
  Formulas formulas(&context);
  const Formula anchor = formulas.Of(context.input(0));
  const auto loss = [&](const Formula& positive, const Formula& negative) {
    return Apply(RELU, Distance(anchor, positive) - Distance(anchor, negative) + margin);
  };
  if (context.num_inputs() == 3) {
    GRADUS_RETURN_IF_ERROR(context.CheckTarget(false));
    return formulas.Result(loss(formulas.Of(context.input(1)), formulas.Of(context.input(2))));
  }
  if (context.num_inputs() != 1) {
    return context.Error("", absl::StrCat("takes 3 inputs (anchor, positive, negative), or 1 and a target; it has ",
                                          context.num_inputs()));
  }
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  // Rows of `farthest` and `nearest` choose a vector, or none.
  const Formula farthest = formulas.Call("HardestInBatch", {anchor, formulas.Of(context.target())});
  const Formula nearest = formulas.Of(farthest.value().valid() ? Value{farthest.value().node, 1} : Value{});
  const auto chosen = [&](const Formula& choice) { return formulas.Call("MatMul", {choice, anchor}, MatMulAttrs{}); };
  const Formula counts = Reduced(Reduce::SUM, farthest, 1) * Reduced(Reduce::SUM, nearest, 1);
  return formulas.Result(counts * loss(chosen(farthest), chosen(nearest)));
}

}  // namespace

REGISTER_LOSS(Contrastive, "gradus.ContrastiveLoss", LowerContrastive);
REGISTER_LOSS(Triplet, "gradus.TripletLoss", LowerTriplet);

}  // namespace gradus
