#include "ops/loss_inputs.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/reshape.h"
#include "ops/softmax_cross_entropy.h"

namespace gradus {
namespace {

// [N, ..., 1] without its last axis, or any other shape as it is.
Dims WithoutLastOne(const Shape& shape) {
  Dims dims = shape.dims();
  if (dims.size() > 1 && dims.back() == 1) dims.pop_back();
  return dims;
}

}  // namespace

absl::StatusOr<Value> ComparableTarget(LayerContext& context, const ClassValues* classes) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  const TensorType &input = context.type(context.input(0)), &target = context.type(context.target());
  const bool whole = target.dtype == DType::kInt32 && classes != nullptr;
  if (input.dtype != DType::kFloat32 || (target.dtype != DType::kFloat32 && !whole) ||
      WithoutLastOne(input.shape) != WithoutLastOne(target.shape)) {
    return context.Error("", absl::StrCat("the input is ", input.ToString(), " but the target is ", target.ToString()));
  }
  const Shape shape = input.shape;
  Value value = context.target();
  if (whole) {
    GRADUS_ASSIGN_OR_RETURN(
        value, context.Call("LabelWeight", {value}, LabelWeightAttrs{{classes->zero, classes->one}}, "target"));
  }
  if (context.shape(value) == shape) return value;
  return context.Call("Reshape", {value}, ReshapeAttrs{shape}, "target");
}

bool TargetIsLabels(const LayerContext& context) {
  if (context.num_inputs() != 1 || !context.target().valid()) return false;
  const TensorType &input = context.type(context.input(0)), &target = context.type(context.target());
  if (input.dtype != DType::kFloat32 || target.dtype != DType::kInt32 || input.shape.rank() == 0) return false;
  Dims rows = input.shape.dims();
  rows.pop_back();
  return target.shape.dims() == rows;
}

bool TargetIsLabelsOfMany(const LayerContext& context) {
  if (!TargetIsLabels(context)) return false;
  const Shape& input = context.shape(context.input(0));
  return input[input.rank() - 1] != 1;
}

absl::Status CheckPositive(const LayerContext& context, absl::string_view field, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return context.Error(field, absl::StrCat(field, " is ", value, "; it must be above 0"));
}

}  // namespace gradus
