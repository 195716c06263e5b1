#include "ops/in_top_k.h"

#include "graph/reference.h"
#include "ops/softmax_cross_entropy.h"

namespace gradus {
namespace {

absl::Status InTopKReference(ReferenceContext& context) {
  const int64_t classes = context.shape(0)[context.shape(0).rank() - 1];
  const Shape& labels = context.shape(1);
  for (size_t n = 0; n < context.out(0).size(); ++n) {
    const auto label = static_cast<int64_t>(context.in(1)[n]);
    if (label < 0 || label >= classes) {
      return LabelError(label, classes, static_cast<int64_t>(n),
                        labels.rank() == 0 ? 1 : labels.ElementsBetween(1, labels.rank()));
    }
    const double* x = context.in(0).data() + n * classes;
    int64_t ahead = 0;
    for (int64_t c = 0; c < classes; ++c) ahead += x[c] > x[label] || (x[c] == x[label] && c < label);
    context.out(0)[n] = x[label] == x[label] && ahead < context.attrs<TopKAttrs>().k ? 1 : 0;
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(InTopK, InTopKReference);

}  // namespace gradus
