#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status ApplyMaskReference(ReferenceContext& context) {
  const size_t inner = context.in(1).empty() ? 1 : context.in(0).size() / context.in(1).size();
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    const double weight = context.in(1)[i / inner];
    context.out(0)[i] = weight == 0 ? 0 : context.in(0)[i] * weight;
  }
  return absl::OkStatus();
}

absl::Status NormalizeMaskReference(ReferenceContext& context) {
  const std::vector<double>& mask = context.in(0);
  double sum = 0;
  for (double weight : mask) sum += weight;
  for (size_t i = 0; i < mask.size(); ++i) {
    context.out(0)[i] = sum == 0 ? 0 : mask[i] * static_cast<double>(mask.size()) / sum;
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(ApplyMask, ApplyMaskReference);
REGISTER_REFERENCE(NormalizeMask, NormalizeMaskReference);

}  // namespace
}  // namespace gradus
