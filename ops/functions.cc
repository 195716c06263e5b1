#include "ops/functions.h"

#include "graph/builtin_ops.h"
#include "ops/binary.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/transpose.h"
#include "ops/unary.h"

namespace gradus {
namespace {

Value CallBinary(GradientContext& context, Binary::Function function, Value a, Value b) {
  return context.Call("Binary", {a, b}, BinaryAttrs{function});
}

// Whether x has that shape; false for an invalid value, which Call then reports.
bool HasShape(GradientContext& context, Value x, const Shape& shape) { return x.valid() && context.shape(x) == shape; }

}  // namespace

Value Constant(GradientContext& context, double value, const Shape& shape) {
  return context.Call("Fill", {}, FillAttrs{{DType::kFloat32, shape}, value});
}

Value Add(GradientContext& context, Value a, Value b) { return CallBinary(context, Binary::ADD, a, b); }
Value Subtract(GradientContext& context, Value a, Value b) { return CallBinary(context, Binary::SUBTRACT, a, b); }
Value Multiply(GradientContext& context, Value a, Value b) { return CallBinary(context, Binary::MULTIPLY, a, b); }
Value Divide(GradientContext& context, Value a, Value b) { return CallBinary(context, Binary::DIVIDE, a, b); }
Value Power(GradientContext& context, Value a, Value b) { return CallBinary(context, Binary::POWER, a, b); }

Value Scale(GradientContext& context, Value x, double factor) {
  if (factor == 1) return x;
  if (factor == -1) return Negate(context, x);
  return Multiply(context, x, Constant(context, factor));
}

Value AddConstant(GradientContext& context, Value x, double term) {
  return term == 0 ? x : Add(context, x, Constant(context, term));
}

Value Apply(GradientContext& context, UnaryFunction function, Value x) {
  return context.Call("Unary", {x}, UnaryWithDefaults(function));
}

Value Negate(GradientContext& context, Value x) { return Apply(context, NEG, x); }

Value ReduceSum(GradientContext& context, Value x, const Dims& axes, bool keep_dims) {
  if (axes.empty()) return x;
  return context.Call("Reduce", {x}, ReduceAttrs{Reduce::SUM, axes, keep_dims});
}

Value BroadcastTo(GradientContext& context, Value x, const Shape& shape) {
  return HasShape(context, x, shape) ? x : context.Call("BroadcastTo", {x}, ShapeAttrs{shape});
}

Value SumTo(GradientContext& context, Value x, const Shape& shape) {
  return HasShape(context, x, shape) ? x : context.Call("SumTo", {x}, ShapeAttrs{shape});
}

Value ReshapeTo(GradientContext& context, Value x, const Shape& shape) {
  return HasShape(context, x, shape) ? x : context.Call("Reshape", {x}, ReshapeAttrs{shape});
}

Value Permute(GradientContext& context, Value x, const Dims& permutation) {
  return context.Call("Transpose", {x}, TransposeAttrs{permutation});
}

}  // namespace gradus
