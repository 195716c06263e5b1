#include "ops/reduce.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/axis.h"
#include "ops/functions.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

bool Contains(const Dims& axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

absl::Status CheckAxes(const Dims& axes, const TensorType& x) {
  for (int64_t axis : axes) {
    if (axis < 0 || axis >= x.shape.rank()) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is outside ", x.ToString()));
    }
    if (std::count(axes.begin(), axes.end(), axis) > 1) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " of ", x.ToString(), " is reduced twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> ReduceTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ReduceAttrs>();
  const Shape& x = context.shape(0);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  GRADUS_RETURN_IF_ERROR(CheckAxes(attrs.axes, context.input(0)));
  Shape y = KeepDims(x, attrs.axes);
  if (attrs.function != Reduce::SUM && x.num_elements() == 0 && y.num_elements() > 0) {
    return TypeError("elements to reduce", context.input(0).ToString());
  }
  if (!attrs.keep_dims) {
    Dims kept;
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (!Contains(attrs.axes, axis)) kept.push_back(x[axis]);
    }
    GRADUS_ASSIGN_OR_RETURN(y, Shape::Make(kept));
  }
  return std::vector<TensorType>{{DType::kFloat32, y}};
}

// Elements of x for each of y; at least 1.
double ReducedElements(const Shape& x, const Dims& axes) {
  double count = 1;
  for (int64_t axis : axes) count *= static_cast<double>(x[static_cast<int>(axis)]);
  return std::max(count, 1.0);
}

// sum:  dx = dy everywhere
// mean: dx = dy / n
// max:  dx = dy m / sum(m), m = 1 where x = y, else 0
absl::Status ReduceGradient(GradientContext& context) {
  const auto& attrs = context.attrs<ReduceAttrs>();
  const Value x = context.input(0);
  const Shape shape = context.shape(x), kept = KeepDims(shape, attrs.axes);
  const Value dy = ReshapeTo(context, context.dy(0), kept);
  if (attrs.function == Reduce::MAX) {
    const Value y = ReshapeTo(context, context.output(0), kept);
    const Value differs = Apply(context, ABS, Apply(context, SIGN, Subtract(context, x, y)));
    const Value equal = AddConstant(context, Negate(context, differs), 1);
    const Value share = Divide(context, dy, ReduceSum(context, equal, attrs.axes, /*keep_dims=*/true));
    context.Set(0, Multiply(context, equal, share));
    return absl::OkStatus();
  }
  const double scale = attrs.function == Reduce::MEAN ? 1 / ReducedElements(shape, attrs.axes) : 1;
  context.Set(0, BroadcastTo(context, Scale(context, dy, scale), shape));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerReduce(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Reduce>();
  const TensorType x = context.type(context.input(0));
  if (!config.has_function()) return context.Error("", "needs a function");
  Dims axes;
  for (int i = 0; i < config.axes_size(); ++i) {
    const std::string field = absl::StrCat("axes[", i, "]");
    GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, field, config.axes(i), x));
    if (Contains(axes, axis)) return context.Error(field, absl::StrCat("axis ", axis, " is reduced already"));
    axes.push_back(axis);
  }
  if (axes.empty()) {
    for (int axis = 1; axis < x.shape.rank(); ++axis) axes.push_back(axis);
  }
  std::sort(axes.begin(), axes.end());
  return context.Call("Reduce", {context.input(0)}, ReduceAttrs{config.function(), axes, config.keep_dims()});
}

REGISTER_OP(Reduce).Inputs(1).Types(ReduceTypes).Gradient(ReduceGradient);
REGISTER_LAYER(Reduce, "gradus.Reduce", LowerReduce);

}  // namespace

Shape KeepDims(const Shape& shape, const Dims& axes) {
  Dims dims = shape.dims();
  for (int64_t axis : axes) dims[axis] = 1;
  absl::StatusOr<Shape> kept = Shape::Make(dims);
  GRADUS_CHECK(kept.ok());
  return *std::move(kept);
}

}  // namespace gradus
