// PReLU and maxout: layers that are a formula of other operations.
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/axis.h"
#include "ops/formula.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// max(x, 0) - slope max(-x, 0), the slopes as f32[C, 1, ...].
absl::StatusOr<Value> LowerPRelu(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<PRelu>();
  const TensorType x_type = context.type(context.input(0));
  if (x_type.dtype != DType::kFloat32 || x_type.shape.rank() < 2) {
    return context.Error("", absl::StrCat("expected f32[N, C, ...]; got ", x_type.ToString()));
  }
  const int64_t channels = config.shared() ? 1 : x_type.shape[1];
  GRADUS_ASSIGN_OR_RETURN(
      const Value slope, context.Parameter("slope", Shape{channels}, &config.slope_init(), "constant { value: 0.25 }"));
  Dims wide(x_type.shape.rank() - 1, 1);
  wide[0] = channels;
  GRADUS_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(wide));
  Formulas formulas(&context);
  const Formula x = formulas.Of(context.input(0));
  return formulas.Result(Apply(RELU, x) - Reshaped(formulas.Of(slope), shape) * Apply(RELU, -x));
}

// The axis becomes two, of which the second goes.
absl::StatusOr<Value> LowerMaxout(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Maxout>();
  const TensorType x_type = context.type(context.input(0));
  GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, "axis", config.axis(), x_type));
  if (axis == 0) return context.Error("axis", "axis is 0, the batch");
  if (!config.has_pieces()) return context.Error("", "has no pieces: of how many neighbours the largest is taken");
  const int64_t pieces = config.pieces(), size = x_type.shape[axis];
  if (pieces < 1 || size % pieces != 0) {
    return context.Error("pieces", absl::StrCat("pieces is ", pieces, "; expected a divisor of the ", size,
                                                " elements of axis ", axis, " of ", x_type.ToString()));
  }
  Dims split = x_type.shape.dims();
  split[axis] = size / pieces;
  split.insert(split.begin() + axis + 1, pieces);
  const absl::StatusOr<Shape> shape = Shape::Make(split);
  if (!shape.ok()) return context.Error("", shape.status().message());
  Formulas formulas(&context);
  return formulas.Result(Reduced(Reduce::MAX, Reshaped(formulas.Of(context.input(0)), *shape), axis + 1));
}

REGISTER_LAYER(PRelu, "gradus.PRelu", LowerPRelu);
REGISTER_LAYER(Maxout, "gradus.Maxout", LowerMaxout);

}  // namespace
}  // namespace gradus
