#include "tests/graph/toy_ops.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

absl::StatusOr<Types> BroadcastTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(Shape shape, BroadcastShapes(context.shape(0), context.shape(1)));
  return Types{{DType::kFloat32, shape}};
}

absl::StatusOr<Types> TwiceTypes(const TypeContext& context) { return Types{context.input(0), context.input(0)}; }

absl::StatusOr<Types> ScalarTypes(const TypeContext&) { return Types{{DType::kFloat32, Shape()}}; }

absl::StatusOr<Types> DenseTypes(const TypeContext& context) {
  const Shape &x = context.shape(0), &w = context.shape(1);
  if (x.rank() != 2 || w.rank() != 2 || x[1] != w[1]) {
    return absl::InvalidArgumentError(
        absl::StrCat("x ", x.ToString(), " and weights ", w.ToString(), " do not have as many columns"));
  }
  return Types{{DType::kFloat32, {x[0], w[0]}}};
}

// Of the shape of input 0 or 1 to BackwardDense; the other input is dy.
absl::StatusOr<Types> DenseDataTypes(const TypeContext& context) {
  return Types{{DType::kFloat32, {context.shape(0)[0], context.shape(1)[1]}}};
}
absl::StatusOr<Types> DenseWeightsTypes(const TypeContext& context) {
  return Types{{DType::kFloat32, {context.shape(1)[1], context.shape(0)[1]}}};
}

// dx = factor dy
absl::Status ScaleGradient(GradientContext& context) {
  context.Set(0, context.Call("ToyScale", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// da = dy b, db = dy a
absl::Status MultiplyGradient(GradientContext& context) {
  for (int i : {0, 1}) {
    if (context.wants(i)) context.Set(i, context.Call("ToyMultiply", {context.dy(0), context.input(1 - i)}));
  }
  return absl::OkStatus();
}

// dx = dy cos(x)
absl::Status SineGradient(GradientContext& context) {
  context.Set(0, context.Call("ToyMultiply", {context.dy(0), context.Call("ToyCosine", {context.input(0)})}));
  return absl::OkStatus();
}

// dx = -dy sin(x)
absl::Status CosineGradient(GradientContext& context) {
  const Value product = context.Call("ToyMultiply", {context.dy(0), context.Call("ToySine", {context.input(0)})});
  context.Set(0, context.Call("ToyScale", {product}, FactorAttrs{-1}));
  return absl::OkStatus();
}

// dx = dy0 + 2 dy1
absl::Status SplitGradient(GradientContext& context) {
  const Value first = context.dy(0);
  const Value second = context.dy(1).valid() ? context.Call("ToyScale", {context.dy(1)}, FactorAttrs{2}) : Value{};
  if (first.valid() && second.valid()) {
    context.Set(0, context.Call("AddN", {first, second}));
  } else {
    context.Set(0, first.valid() ? first : second);
  }
  return absl::OkStatus();
}

// dx = dy
absl::Status SameGradient(GradientContext& context) {
  context.Set(0, context.dy(0));
  return absl::OkStatus();
}

// dx = dy w, dw = dy^T x
absl::Status DenseGradient(GradientContext& context) {
  if (context.wants(0)) context.Set(0, context.Call("ToyDenseData", {context.dy(0), context.input(1)}));
  if (context.wants(1)) context.Set(1, context.Call("ToyDenseWeights", {context.input(0), context.dy(0)}));
  return absl::OkStatus();
}

// dx = dy everywhere
absl::Status SumGradient(GradientContext& context) {
  context.Set(0, context.Call("BroadcastTo", {context.dy(0)}, ShapeAttrs{context.shape(context.input(0))}));
  return absl::OkStatus();
}

REGISTER_OP(ToyScale).Inputs(1).Types(SameAsInput).Gradient(ScaleGradient).InPlace(0, 0);
REGISTER_OP(ToyMultiply).Inputs(2).Types(BroadcastTypes).Gradient(MultiplyGradient);
REGISTER_OP(ToySine).Inputs(1).Types(SameAsInput).Gradient(SineGradient);
REGISTER_OP(ToyCosine).Inputs(1).Types(SameAsInput).Gradient(CosineGradient);
REGISTER_OP(ToySplit).Inputs(1).Types(TwiceTypes).Gradient(SplitGradient);
REGISTER_OP(ToyNoise).Inputs(1).Types(SameAsInput).Gradient(SameGradient).Random();
REGISTER_OP(ToyStop).Inputs(1).Types(SameAsInput).NoGradient("stops on purpose");
REGISTER_OP(ToyDense).Inputs(2).Types(DenseTypes).Gradient(DenseGradient);
REGISTER_OP(ToyDenseData).Inputs(2).Types(DenseDataTypes).NoGradient("a toy");
REGISTER_OP(ToyDenseWeights).Inputs(2).Types(DenseWeightsTypes).NoGradient("a toy");
REGISTER_OP(ToySum).Inputs(1).Types(ScalarTypes).Gradient(SumGradient);

}  // namespace
}  // namespace gradus
