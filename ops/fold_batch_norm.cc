#include "ops/fold_batch_norm.h"

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> FoldBatchNormTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<FoldBatchNormAttrs>();
  const TensorType& w = context.input(0);
  if (w.dtype != DType::kFloat32 || w.shape.rank() < 1) return TypeError("weights of f32[filters, ...]", w.ToString());
  const size_t count = 3 + attrs.norm.has_scale + attrs.norm.has_shift + attrs.has_bias;
  if (context.inputs.size() != count) {
    return TypeError(absl::StrCat(count, " inputs for these attributes"), absl::StrCat(context.inputs.size()));
  }
  const TensorType vector{DType::kFloat32, Shape{w.shape[0]}};
  for (size_t i = 1; i < count; ++i) {
    if (context.inputs[i] == vector) continue;
    return TypeError(absl::StrCat(vector.ToString(), " for weights of ", w.ToString()), context.inputs[i].ToString());
  }
  return std::vector<TensorType>{w, vector};
}

REGISTER_OP(FoldBatchNorm)
    .Inputs(3, 6)
    .Types(FoldBatchNormTypes)
    .NoGradient("made by a pass, for inference")
    .InPlace(0, 0);

}  // namespace
}  // namespace gradus
