#include "ops/binary.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> BinaryTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  GRADUS_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(context.shape(0), context.shape(1)));
  return std::vector<TensorType>{{DType::kFloat32, shape}};
}

// da = dy (1 + sign(a - b)) / 2, db = dy (1 - sign(a - b)) / 2 of a maximum; of a minimum the other way round. Of equal
// elements each gets half.
void ExtremumGradient(GradientContext& context, double sign_of_a) {
  const Value sign = Apply(context, SIGN, Subtract(context, context.input(0), context.input(1)));
  const auto share = [&](double sign_of_input) {
    const Value part = AddConstant(context, Scale(context, sign, 0.5 * sign_of_input), 0.5);
    return Multiply(context, context.dy(0), part);
  };
  if (context.wants(0)) context.Set(0, share(sign_of_a));
  if (context.wants(1)) context.Set(1, share(-sign_of_a));
}

// y = a / b: da = dy / b, db = -da y
void DivideGradient(GradientContext& context) {
  const Value da = Divide(context, context.dy(0), context.input(1));
  context.Set(0, da);
  if (context.wants(1)) context.Set(1, Negate(context, Multiply(context, da, context.output(0))));
}

// y = a^b: da = dy b a^(b - 1), db = dy y log(a)
void PowerGradient(GradientContext& context) {
  const Value a = context.input(0), b = context.input(1), dy = context.dy(0);
  if (context.wants(0)) {
    const Value slope = Multiply(context, b, Power(context, a, AddConstant(context, b, -1)));
    context.Set(0, Multiply(context, dy, slope));
  }
  if (context.wants(1)) {
    const Value slope = Multiply(context, context.output(0), Apply(context, LOG, a));
    context.Set(1, Multiply(context, dy, slope));
  }
}

// The driver sums over the axes along which an input was stretched.
absl::Status BinaryGradient(GradientContext& context) {
  const Value a = context.input(0), b = context.input(1), dy = context.dy(0);
  switch (context.attrs<BinaryAttrs>().function) {
    case Binary::ADD:
      context.Set(0, dy);
      context.Set(1, dy);
      break;
    case Binary::SUBTRACT:
      context.Set(0, dy);
      if (context.wants(1)) context.Set(1, Negate(context, dy));
      break;
    case Binary::MULTIPLY:
      if (context.wants(0)) context.Set(0, Multiply(context, dy, b));
      if (context.wants(1)) context.Set(1, Multiply(context, dy, a));
      break;
    case Binary::DIVIDE:
      DivideGradient(context);
      break;
    case Binary::MAXIMUM:
      ExtremumGradient(context, 1);
      break;
    case Binary::MINIMUM:
      ExtremumGradient(context, -1);
      break;
    case Binary::POWER:
      PowerGradient(context);
      break;
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerBinary(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  const auto& config = context.config<Binary>();
  if (!config.has_function()) return context.Error("", "needs a function");
  absl::StatusOr<Shape> shape = BroadcastShapes(context.shape(context.input(0)), context.shape(context.input(1)));
  if (!shape.ok()) return context.Error("", shape.status().message());
  return context.Call("Binary", {context.input(0), context.input(1)}, BinaryAttrs{config.function()});
}

REGISTER_OP(Binary).Inputs(2).Types(BinaryTypes).Gradient(BinaryGradient).InPlace(0, 0).InPlace(1, 0);
REGISTER_LAYER(Binary, "gradus.Binary", LowerBinary);

}  // namespace
}  // namespace gradus
