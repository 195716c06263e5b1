#include "ops/dense.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "graph/reference.h"

namespace gradus {
namespace {

// Calls visit(x index, w index, y index) for each product x w of the sum that makes y: f32[batch, units].
template <typename Visit>
void ForEachProduct(int64_t batch, const Shape& w, const Visit& visit) {
  const int64_t units = w[0], inputs = w[1];
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t u = 0; u < units; ++u) {
      for (int64_t i = 0; i < inputs; ++i) visit(n * inputs + i, u * inputs + i, n * units + u);
    }
  }
}

absl::Status DenseReference(ReferenceContext& context) {
  const std::vector<double>&x = context.in(0), &w = context.in(1);
  std::vector<double>& y = context.out(0);
  const size_t units = context.shape(1)[0];
  if (context.inputs.size() > 2) {
    for (size_t i = 0; i < y.size(); ++i) y[i] = context.in(2)[i % units];
  }
  ForEachProduct(context.shape(0)[0], context.shape(1),
                 [&](int64_t xi, int64_t wi, int64_t yi) { y[yi] += x[xi] * w[wi]; });
  return absl::OkStatus();
}

absl::Status DenseBackwardDataReference(ReferenceContext& context) {
  const std::vector<double>&dy = context.in(0), &w = context.in(1);
  std::vector<double>& dx = context.out(0);
  ForEachProduct(context.shape(0)[0], context.shape(1),
                 [&](int64_t xi, int64_t wi, int64_t yi) { dx[xi] += w[wi] * dy[yi]; });
  return absl::OkStatus();
}

absl::Status DenseBackwardWeightsReference(ReferenceContext& context) {
  const std::vector<double>&x = context.in(0), &dy = context.in(1);
  std::vector<double>& dw = context.out(0);
  ForEachProduct(context.shape(0)[0], context.outputs[0].shape,
                 [&](int64_t xi, int64_t wi, int64_t yi) { dw[wi] += x[xi] * dy[yi]; });
  if (context.attrs<DenseBackwardWeightsAttrs>().has_bias) {
    std::vector<double>& db = context.out(1);
    for (size_t i = 0; i < dy.size(); ++i) db[i % db.size()] += dy[i];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Dense, DenseReference);
REGISTER_REFERENCE(DenseBackwardData, DenseBackwardDataReference);
REGISTER_REFERENCE(DenseBackwardWeights, DenseBackwardWeightsReference);

}  // namespace
}  // namespace gradus
