#include "ops/norm_activation.h"

#include "ops/batch_norm.h"

namespace gradus {

bool HasNorm(const Norm& norm) { return norm.kind_case() == Norm::kBatch; }

absl::StatusOr<Value> AddNorm(LayerContext& context, Value x, const Norm& norm) {
  if (!HasNorm(norm)) return x;
  return AddBatchNorm(context, x, norm.batch(), "norm");
}

}  // namespace gradus
