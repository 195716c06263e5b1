// Masks of losses and metrics: ApplyMask and NormalizeMask of graph/step_ops.h.
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

bool IsMask(const TensorType& type) { return type.dtype == DType::kFloat32 || type.dtype == DType::kInt32; }

absl::StatusOr<std::vector<TensorType>> ApplyMaskTypes(const TypeContext& context) {
  const TensorType &values = context.input(0), &mask = context.input(1);
  if (values.dtype != DType::kFloat32) return TypeError("values f32[...]", values.ToString());
  bool fits = IsMask(mask) && mask.shape.rank() <= values.shape.rank();
  for (int axis = 0; fits && axis < mask.shape.rank(); ++axis) fits = mask.shape[axis] == values.shape[axis];
  if (fits) return std::vector<TensorType>{values};
  return TypeError(absl::StrCat("a mask, f32 or i32, of the first axes of the values ", values.ToString()),
                   mask.ToString());
}

absl::StatusOr<std::vector<TensorType>> NormalizeMaskTypes(const TypeContext& context) {
  if (!IsMask(context.input(0))) return TypeError("a mask, f32 or i32", context.input(0).ToString());
  return std::vector<TensorType>{{DType::kFloat32, context.shape(0)}};
}

// dvalues = dy mask
absl::Status ApplyMaskGradient(GradientContext& context) {
  if (context.wants(0)) context.Set(0, context.Call("ApplyMask", {context.dy(0), context.input(1)}));
  return absl::OkStatus();
}

REGISTER_OP(ApplyMask).Inputs(2).Types(ApplyMaskTypes).Gradient(ApplyMaskGradient).InPlace(0, 0);
REGISTER_OP(NormalizeMask).Inputs(1).Types(NormalizeMaskTypes).NoGradient("a mask is given");

}  // namespace
}  // namespace gradus
