#include "graph/builtin_ops.h"

#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

absl::Status Expected(absl::string_view expected, const TensorType& got) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", expected, "; got ", got.ToString()));
}

absl::StatusOr<Types> InputTypes(const TypeContext& context) { return Types{context.attrs.as<InputAttrs>().type}; }

absl::StatusOr<Types> VariableTypes(const TypeContext& context) {
  return Types{context.attrs.as<VariableAttrs>().type};
}

absl::StatusOr<Types> AssignTypes(const TypeContext& context) {
  const TensorType& type = context.attrs.as<VariableAttrs>().type;
  if (context.input(0) != type)
    return Expected(absl::StrCat("the variable's type ", type.ToString()), context.input(0));
  return Types{};
}

absl::StatusOr<Types> FillTypes(const TypeContext& context) {
  const TensorType& type = context.attrs.as<FillAttrs>().type;
  if (type.dtype != DType::kFloat32) return Expected("f32 to fill", type);
  const double value = context.attrs.as<FillAttrs>().value;
  if (std::abs(value) > std::numeric_limits<float>::max()) {
    return absl::InvalidArgumentError(absl::StrCat("expected a value that f32 holds; got ", value));
  }
  return Types{type};
}

absl::StatusOr<Types> AddNTypes(const TypeContext& context) {
  const TensorType& type = context.input(0);
  if (type.dtype != DType::kFloat32) return Expected("f32 terms", type);
  for (const TensorType& input : context.inputs) {
    if (input != type) return Expected(absl::StrCat("terms of one type, ", type.ToString()), input);
  }
  return Types{type};
}

// Whether `from` stretches to `to` by NumPy's rules.
bool BroadcastsTo(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i) {
    const int64_t dim = from[from.rank() - i];
    if (dim != 1 && dim != to[to.rank() - i]) return false;
  }
  return true;
}

absl::StatusOr<Types> SumToTypes(const TypeContext& context) {
  const Shape& shape = context.attrs.as<ShapeAttrs>().shape;
  const TensorType& x = context.input(0);
  if (x.dtype != DType::kFloat32 || !BroadcastsTo(shape, x.shape)) {
    return Expected(absl::StrCat("f32 of a shape that ", shape.ToString(), " broadcasts to"), x);
  }
  return Types{{x.dtype, shape}};
}

absl::StatusOr<Types> BroadcastToTypes(const TypeContext& context) {
  const Shape& shape = context.attrs.as<ShapeAttrs>().shape;
  const TensorType& x = context.input(0);
  if (x.dtype != DType::kFloat32 || !BroadcastsTo(x.shape, shape)) {
    return Expected(absl::StrCat("f32 of a shape that broadcasts to ", shape.ToString()), x);
  }
  return Types{{x.dtype, shape}};
}

// dx_i = dy
absl::Status AddNGradient(GradientContext& context) {
  for (int i = 0; i < context.num_inputs(); ++i) context.Set(i, context.dy(0));
  return absl::OkStatus();
}

// dx = broadcast(dy)
absl::Status SumToGradient(GradientContext& context) {
  context.Set(0, context.Call("BroadcastTo", {context.dy(0)}, ShapeAttrs{context.shape(context.input(0))}));
  return absl::OkStatus();
}

// dx = sum of dy over the axes along which x was stretched
absl::Status BroadcastToGradient(GradientContext& context) {
  context.Set(0, context.Call("SumTo", {context.dy(0)}, ShapeAttrs{context.shape(context.input(0))}));
  return absl::OkStatus();
}

REGISTER_OP(Input).Inputs(0).Types(InputTypes).NoGradient("it depends on nothing in the graph").Source();
REGISTER_OP(Variable).Inputs(0).Types(VariableTypes).NoGradient("it depends on nothing in the graph").Source();
REGISTER_OP(Assign).Inputs(1).Types(AssignTypes).NoGradient("it has no output").Sink();
REGISTER_OP(Fill).Inputs(0).Types(FillTypes).NoGradient("a constant");
REGISTER_OP(AddN).Inputs(1, kAnyNumber).Types(AddNTypes).Gradient(AddNGradient).InPlace(0, 0);
REGISTER_OP(SumTo).Inputs(1).Types(SumToTypes).Gradient(SumToGradient);
REGISTER_OP(BroadcastTo).Inputs(1).Types(BroadcastToTypes).Gradient(BroadcastToGradient);

}  // namespace
}  // namespace gradus
