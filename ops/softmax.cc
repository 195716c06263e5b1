#include "ops/softmax.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/axis.h"
#include "ops/functions.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> SoftmaxTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(std::vector<TensorType> types, OneFloatType(context));
  const int axis = context.attrs.as<SoftmaxAttrs>().axis;
  if (axis < 0 || axis >= context.shape(0).rank()) {
    return TypeError(absl::StrCat("an axis ", axis), context.input(0).ToString());
  }
  return types;
}

int Axis(const GradientContext& context) { return context.node().attrs.as<SoftmaxAttrs>().axis; }

// The sum of x along the axis of the softmax, which stays with size 1.
Value SumAlong(GradientContext& context, Value x) { return ReduceSum(context, x, {Axis(context)}, true); }

// dx = y (dy - sum(dy y))
absl::Status SoftmaxGradient(GradientContext& context) {
  context.Set(0, context.Call("SoftmaxBackward", {context.output(0), context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// For dx = y (dy - s), s = sum(dy y), and the gradient u of dx:
//   d dy = y (u - sum(u y)),   d y = u (dy - s) - dy sum(u y)
absl::Status SoftmaxBackwardGradient(GradientContext& context) {
  const Value y = context.input(0), dy = context.input(1), u = context.dy(0);
  if (context.wants(0)) {
    const Value s = SumAlong(context, Multiply(context, dy, y));
    const Value r = SumAlong(context, Multiply(context, u, y));
    context.Set(0, Subtract(context, Multiply(context, u, Subtract(context, dy, s)), Multiply(context, dy, r)));
  }
  if (context.wants(1)) context.Set(1, context.Call("SoftmaxBackward", {y, u}, context.node().attrs));
  return absl::OkStatus();
}

// dx = dy - exp(y) sum(dy)
absl::Status LogSoftmaxGradient(GradientContext& context) {
  context.Set(0, context.Call("LogSoftmaxBackward", {context.output(0), context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// For dx = dy - exp(y) sum(dy) and the gradient u of dx:
//   d dy = u - sum(u exp(y)),   d y = -u exp(y) sum(dy)
absl::Status LogSoftmaxBackwardGradient(GradientContext& context) {
  const Value u_exp_y = Multiply(context, context.dy(0), Apply(context, EXP, context.input(0)));
  if (context.wants(0)) {
    context.Set(0, Negate(context, Multiply(context, u_exp_y, SumAlong(context, context.input(1)))));
  }
  if (context.wants(1)) context.Set(1, Subtract(context, context.dy(0), SumAlong(context, u_exp_y)));
  return absl::OkStatus();
}

template <typename Config>
absl::StatusOr<Value> Lower(LayerContext& context, absl::string_view op) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_ASSIGN_OR_RETURN(
      int axis, ResolveAxis(context, "axis", context.config<Config>().axis(), context.type(context.input(0))));
  return context.Call(op, {context.input(0)}, SoftmaxAttrs{axis});
}

absl::StatusOr<Value> LowerSoftmax(LayerContext& context) { return Lower<Softmax>(context, "Softmax"); }
absl::StatusOr<Value> LowerLogSoftmax(LayerContext& context) { return Lower<LogSoftmax>(context, "LogSoftmax"); }

}  // namespace

REGISTER_OP(Softmax).Inputs(1).Types(SoftmaxTypes).Gradient(SoftmaxGradient).InPlace(0, 0);
REGISTER_OP(LogSoftmax).Inputs(1).Types(SoftmaxTypes).Gradient(LogSoftmaxGradient).InPlace(0, 0);
REGISTER_OP(SoftmaxBackward).Inputs(2).Types(SoftmaxTypes).Gradient(SoftmaxBackwardGradient);
REGISTER_OP(LogSoftmaxBackward).Inputs(2).Types(SoftmaxTypes).Gradient(LogSoftmaxBackwardGradient);

REGISTER_LAYER(Softmax, "gradus.Softmax", LowerSoftmax);
REGISTER_LAYER(LogSoftmax, "gradus.LogSoftmax", LowerLogSoftmax);

}  // namespace gradus
