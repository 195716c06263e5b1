#include "ops/unary.h"

#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

absl::StatusOr<const UnaryRow*> RowOf(const Attrs& attrs) {
  const auto function = attrs.as<UnaryAttrs>().function;
  const UnaryRow* row = FindUnary(function);
  if (row == nullptr)
    return absl::InvalidArgumentError(absl::StrCat("there is no function ", static_cast<int>(function)));
  return row;
}

absl::StatusOr<Types> UnaryTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(RowOf(context.attrs).status());
  return OneFloatType(context);
}

absl::StatusOr<Types> UnaryBackwardTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const UnaryRow* row, RowOf(context.attrs));
  if (row->slope == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(UnaryFunction_Name(row->function), " has no backward operation"));
  }
  return OneFloatType(context);
}

// dx = dy f'(x)
absl::Status UnaryGradient(GradientContext& context) {
  const UnaryRow& row = *FindUnary(context.attrs<UnaryAttrs>().function);
  const Value dy = context.dy(0);
  switch (row.slope_kind) {
    case Slope::kOfInput:
      context.Set(0, context.Call("UnaryBackward", {context.input(0), dy}, context.node().attrs));
      break;
    case Slope::kOfOutput:
      context.Set(0, context.Call("UnaryBackward", {context.output(0), dy}, context.node().attrs));
      break;
    case Slope::kLinear:
      context.Set(0, context.Call("Unary", {dy}, context.node().attrs));
      break;
    case Slope::kZero:
      break;
  }
  return absl::OkStatus();
}

// Of z = dy slope(s): ds = dz dy slope'(s), d(dy) = dz slope(s).
absl::Status UnaryBackwardGradient(GradientContext& context) {
  const auto& attrs = context.attrs<UnaryAttrs>();
  const UnaryRow& row = *FindUnary(attrs.function);
  const Value s = context.input(0), dy = context.input(1), dz = context.dy(0);
  if (context.wants(0) && row.curvature != nullptr) {
    const Value curvature = row.curvature(context, s, attrs.alpha);
    context.Set(0, Multiply(context, Multiply(context, dz, dy), curvature));
  }
  if (context.wants(1)) context.Set(1, context.Call("UnaryBackward", {s, dz}, context.node().attrs));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerUnary(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Unary>();
  if (!config.has_function()) return context.Error("", "needs a function");
  if (config.function() == NONE) return context.input(0);
  UnaryAttrs attrs = UnaryWithDefaults(config.function());
  if (config.has_alpha()) {
    const UnaryRow& row = *FindUnary(config.function());
    if (!row.has_alpha) {
      return context.Error("alpha", absl::StrCat(UnaryFunction_Name(row.function), " has no alpha"));
    }
    // Of rectifiers the gradient is made from the output, whose sign must be that of the input.
    const bool rectifier = row.slope_kind == Slope::kOfOutput;
    if (!std::isfinite(config.alpha()) || (rectifier && config.alpha() < 0)) {
      return context.Error(
          "alpha", absl::StrCat("alpha must be ", rectifier ? "0 or more" : "finite", "; it is ", config.alpha()));
    }
    attrs.alpha = config.alpha();
  }
  return context.Call("Unary", {context.input(0)}, attrs);
}

REGISTER_OP(Unary).Inputs(1).Types(UnaryTypes).Gradient(UnaryGradient).InPlace(0, 0);
REGISTER_OP(UnaryBackward).Inputs(2).Types(UnaryBackwardTypes).Gradient(UnaryBackwardGradient).InPlace(1, 0);
REGISTER_LAYER(Unary, "gradus.Unary", LowerUnary);

}  // namespace

UnaryAttrs UnaryWithDefaults(UnaryFunction function) {
  const UnaryRow* row = FindUnary(function);
  GRADUS_CHECK(row != nullptr);
  return {function, row->default_alpha};
}

absl::StatusOr<Value> AddActivation(LayerContext& context, Value x, UnaryFunction function) {
  if (function == NONE) return x;
  return context.Call("Unary", {x}, UnaryWithDefaults(function), "activation");
}

}  // namespace gradus
