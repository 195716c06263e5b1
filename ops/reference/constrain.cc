#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/reference.h"
#include "graph/step_ops.h"

namespace gradus {
namespace {

absl::Status ConstrainReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<ConstrainAttrs>();
  std::vector<double>& w = context.out(0);
  const auto n = static_cast<int64_t>(w.size());
  const double step = attrs.proximal_l1 * context.in(1)[0];
  for (int64_t i = 0; i < n; ++i) {
    const double value = context.in(0)[i];
    w[i] = std::copysign(std::max(std::fabs(value) - step, 0.0), value);
  }
  if (attrs.keep_largest > 0) {
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return std::fabs(w[a]) > std::fabs(w[b]); });
    for (int64_t i = attrs.keep_largest; i < n; ++i) w[order[i]] = 0;
  }
  for (double& value : w) {
    if (std::fabs(value) < attrs.prune_below) value = 0;
  }
  if (attrs.max_norm == 0) return absl::OkStatus();
  const Shape& shape = context.shape(0);
  const int64_t rows = shape.rank() < 2 ? 1 : shape[0], each = n / std::max<int64_t>(1, rows);
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t i = row * each; i < (row + 1) * each; ++i) sum += w[i] * w[i];
    const double factor = std::min(1.0, attrs.max_norm / std::sqrt(sum));
    for (int64_t i = row * each; i < (row + 1) * each; ++i) w[i] *= sum > 0 ? factor : 1;
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Constrain, ConstrainReference);

}  // namespace
}  // namespace gradus
