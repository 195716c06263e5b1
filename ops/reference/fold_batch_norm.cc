#include "ops/fold_batch_norm.h"

#include <cmath>
#include <vector>

#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status FoldBatchNormReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<FoldBatchNormAttrs>();
  const Shape& shape = context.shape(0);
  const int64_t taps = shape.ElementsBetween(1, shape.rank());
  const auto at = [&](int input, int64_t f, double otherwise) { return input < 0 ? otherwise : context.in(input)[f]; };
  for (int64_t f = 0; f < shape[0]; ++f) {
    const double r = at(attrs.scale(), f, 1) / std::sqrt(context.in(2)[f] + attrs.norm.epsilon);
    for (int64_t i = f * taps; i < (f + 1) * taps; ++i) context.out(0)[i] = context.in(0)[i] * r;
    context.out(1)[f] = (at(attrs.bias(), f, 0) - context.in(1)[f]) * r + at(attrs.shift(), f, 0);
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(FoldBatchNorm, FoldBatchNormReference);

}  // namespace
}  // namespace gradus
