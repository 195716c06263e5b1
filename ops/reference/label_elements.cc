#include "ops/label_elements.h"

#include "graph/reference.h"
#include "ops/softmax_cross_entropy.h"

namespace gradus {
namespace {

// Calls visit(n, place of its label's element) for each row.
template <typename Visit>
absl::Status ForEachLabel(ReferenceContext& context, const Visit& visit) {
  const int64_t classes = context.attrs<LabelElementsAttrs>().classes;
  const Shape& labels = context.shape(1);
  const int64_t each = labels.rank() == 0 ? 1 : labels.ElementsBetween(1, labels.rank());
  for (int64_t n = 0; n < labels.num_elements(); ++n) {
    const auto label = static_cast<int64_t>(context.in(1)[n]);
    if (label < 0 || label >= classes) return LabelError(label, classes, n, each);
    visit(n, n * classes + label);
  }
  return absl::OkStatus();
}

absl::Status TakeLabelReference(ReferenceContext& context) {
  return ForEachLabel(context, [&](int64_t n, int64_t place) { context.out(0)[n] = context.in(0)[place]; });
}

absl::Status PutLabelReference(ReferenceContext& context) {
  return ForEachLabel(context, [&](int64_t n, int64_t place) { context.out(0)[place] = context.in(0)[n]; });
}

REGISTER_REFERENCE(TakeLabel, TakeLabelReference);
REGISTER_REFERENCE(PutLabel, PutLabelReference);

}  // namespace
}  // namespace gradus
