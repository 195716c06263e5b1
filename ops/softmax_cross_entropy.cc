#include "ops/softmax_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/binary.h"
#include "ops/functions.h"
#include "ops/softmax.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// The logits' type without its last axis, as f32; checks that the labels fit.
absl::StatusOr<TensorType> LossType(const TypeContext& context) {
  const TensorType &logits = context.input(0), &labels = context.input(1);
  if (logits.dtype != DType::kFloat32 || logits.shape.rank() == 0) {
    return TypeError("logits f32[..., classes]", logits.ToString());
  }
  Dims dims(logits.shape.dims().begin(), logits.shape.dims().end() - 1);
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  const TensorType expected = {DType::kInt32, shape};
  if (labels != expected) {
    return TypeError(absl::StrCat("labels ", expected.ToString(), " for logits ", logits.ToString()),
                     labels.ToString());
  }
  return TensorType{DType::kFloat32, shape};
}

absl::StatusOr<std::vector<TensorType>> CrossEntropyTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(TensorType loss, LossType(context));
  return std::vector<TensorType>{loss};
}

absl::StatusOr<std::vector<TensorType>> BackwardTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(TensorType loss, LossType(context));
  if (context.input(2) != loss) return TypeError(loss.ToString(), context.input(2).ToString());
  return std::vector<TensorType>{context.input(0)};
}

absl::StatusOr<std::vector<TensorType>> LabelWeightTypes(const TypeContext& context) {
  if (context.input(0).dtype != DType::kInt32) return TypeError("labels i32[...]", context.input(0).ToString());
  return std::vector<TensorType>{{DType::kFloat32, context.shape(0)}};
}

// dx = dloss (softmax(x) - t)
absl::Status CrossEntropyGradient(GradientContext& context) {
  context.Set(0, context.Call("SoftmaxCrossEntropyBackward", {context.input(0), context.input(1), context.dy(0)},
                              context.node().attrs));
  return absl::OkStatus();
}

// For dx = dloss (p - t), p = softmax(x), and the gradient u of dx:
//   d dloss = sum(u (p - t)),   d x = dloss p (u - sum(u p))
absl::Status BackwardGradient(GradientContext& context) {
  const Value logits = context.input(0), labels = context.input(1), dloss = context.input(2), u = context.dy(0);
  const Shape& shape = context.shape(logits);
  const int axis = shape.rank() - 1;
  if (context.wants(0)) {
    const Value p = context.Call("Softmax", {logits}, SoftmaxAttrs{axis});
    Dims kept = context.shape(dloss).dims();
    kept.push_back(1);
    GRADUS_ASSIGN_OR_RETURN(Shape column, Shape::Make(kept));
    context.Set(0, Multiply(context, context.Call("SoftmaxBackward", {p, u}, SoftmaxAttrs{axis}),
                            ReshapeTo(context, dloss, column)));
  }
  if (context.wants(2)) {
    const Value ones = Constant(context, 1, context.shape(dloss));
    const Value difference = context.Call("SoftmaxCrossEntropyBackward", {logits, labels, ones}, context.node().attrs);
    context.Set(2, ReduceSum(context, Multiply(context, u, difference), {axis}, false));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerSoftmaxCrossEntropy(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  const auto& config = context.config<SoftmaxCrossEntropy>();
  if (!(config.label_smoothing() >= 0 && config.label_smoothing() < 1)) {
    return context.Error("label_smoothing",
                         absl::StrCat("label_smoothing is ", config.label_smoothing(), "; it must be in [0, 1)"));
  }
  GRADUS_ASSIGN_OR_RETURN(Value loss, context.Call("SoftmaxCrossEntropy", {context.input(0), context.target()},
                                                   CrossEntropyAttrs{config.label_smoothing()}));
  if (config.class_weight().empty()) return loss;
  const Shape& logits = context.shape(context.input(0));
  const int64_t classes = logits[logits.rank() - 1];
  LabelWeightAttrs weights;
  for (int i = 0; i < config.class_weight_size(); ++i) {
    const double weight = config.class_weight(i);
    if (!std::isfinite(weight) || weight < 0) {
      return context.Error(absl::StrCat("class_weight[", i, "]"),
                           absl::StrCat("a class_weight is ", weight, "; it must not be negative"));
    }
    weights.weights.push_back(weight);
  }
  if (config.class_weight_size() != classes) {
    return context.Error("class_weight", absl::StrCat("there are ", config.class_weight_size(), " class weights for ",
                                                      classes, " classes"));
  }
  GRADUS_ASSIGN_OR_RETURN(Value weight, context.Call("LabelWeight", {context.target()}, weights, "weight"));
  return context.Call("Binary", {loss, weight}, BinaryAttrs{Binary::MULTIPLY}, "weighted");
}

}  // namespace

absl::Status LabelError(int64_t label, int64_t classes, int64_t index, int64_t per_example) {
  return absl::OutOfRangeError(absl::StrCat("label ", label, " of example ", index / std::max<int64_t>(1, per_example),
                                            " of the batch is outside [0, ", classes, ")"));
}

REGISTER_OP(SoftmaxCrossEntropy).Inputs(2).Types(CrossEntropyTypes).Gradient(CrossEntropyGradient);
REGISTER_OP(SoftmaxCrossEntropyBackward).Inputs(3).Types(BackwardTypes).Gradient(BackwardGradient).InPlace(0, 0);
REGISTER_OP(LabelWeight).Inputs(1).Types(LabelWeightTypes).NoGradient("labels are whole numbers");

REGISTER_LOSS(SoftmaxCrossEntropy, "gradus.SoftmaxCrossEntropy", LowerSoftmaxCrossEntropy);

}  // namespace gradus
