#include "ops/reduce.h"

#include <algorithm>
#include <limits>

#include "graph/reference.h"
#include "ops/reference/indices.h"

namespace gradus {
namespace {

absl::Status ReduceReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<ReduceAttrs>();
  const bool maximum = attrs.function == Reduce::MAX;
  const Shape kept = KeepDims(context.shape(0), attrs.axes);
  std::vector<double>& y = context.out(0);
  if (maximum) std::fill(y.begin(), y.end(), -std::numeric_limits<double>::infinity());
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    const double x = context.in(0)[i];
    double& result = y[ElementAt(IndexOf(static_cast<int64_t>(i), context.shape(0)), kept)];
    result = maximum ? std::max(result, x) : result + x;
  }
  if (attrs.function == Reduce::MEAN) {
    for (double& result : y) result *= static_cast<double>(y.size()) / static_cast<double>(context.in(0).size());
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Reduce, ReduceReference);

}  // namespace
}  // namespace gradus
