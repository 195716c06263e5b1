// Layer normalisation, as a formula: y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axes.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/axis.h"
#include "ops/formula.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<Value> LowerLayerNorm(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<LayerNorm>();
  const TensorType type = context.type(context.input(0));
  if (type.dtype != DType::kFloat32) return context.Error("", absl::StrCat("expected f32; got ", type.ToString()));
  GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, "axis", config.axis(), type));
  if (axis == 0) return context.Error("axis", "axis is 0, the batch: examples are normalised each for itself");
  if (!(config.epsilon() > 0 && std::isfinite(config.epsilon()))) {
    return context.Error("epsilon", absl::StrCat("epsilon is ", config.epsilon(), "; it must be above 0"));
  }
  // All axes that are normalised as one.
  Dims rows(type.shape.dims().begin(), type.shape.dims().begin() + axis);
  const Dims own(type.shape.dims().begin() + axis, type.shape.dims().end());
  rows.push_back(type.shape.ElementsBetween(axis, type.shape.rank()));
  GRADUS_ASSIGN_OR_RETURN(const Shape row_shape, Shape::Make(rows));
  GRADUS_ASSIGN_OR_RETURN(const Shape own_shape, Shape::Make(own));

  Formulas formulas(&context);
  const Formula x = Reshaped(formulas.Of(context.input(0)), row_shape);
  const Formula centred = x - Reduced(Reduce::MEAN, x, axis, /*keep_dims=*/true);
  const Formula variance = Reduced(Reduce::MEAN, Apply(SQUARE, centred), axis, /*keep_dims=*/true);
  Formula y = Reshaped(centred / Apply(SQRT, variance + config.epsilon()), type.shape);
  if (config.scale()) {
    GRADUS_ASSIGN_OR_RETURN(const Value scale,
                            context.Parameter("scale", own_shape, &config.scale_init(), "constant { value: 1 }"));
    y = y * formulas.Of(scale);
  }
  if (config.shift()) {
    GRADUS_ASSIGN_OR_RETURN(const Value shift,
                            context.Parameter("shift", own_shape, &config.shift_init(), "constant { value: 0 }"));
    y = y + formulas.Of(shift);
  }
  return formulas.Result(y);
}

REGISTER_LAYER(LayerNorm, "gradus.LayerNorm", LowerLayerNorm);

}  // namespace
}  // namespace gradus
