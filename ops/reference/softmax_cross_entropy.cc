#include "ops/softmax_cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "core/status_macros.h"
#include "graph/reference.h"

namespace gradus {
namespace {

absl::StatusOr<int64_t> Label(ReferenceContext& context, int input, size_t index, int64_t classes) {
  const auto label = static_cast<int64_t>(context.in(input)[index]);
  const Shape& shape = context.shape(input);
  const int64_t each = shape.rank() == 0 ? 1 : shape.ElementsBetween(1, shape.rank());
  if (label < 0 || label >= classes) return LabelError(label, classes, static_cast<int64_t>(index), each);
  return label;
}

double Target(double smoothing, int64_t classes, bool is_label) {
  return smoothing / static_cast<double>(classes) + (is_label ? 1 - smoothing : 0);
}

absl::Status CrossEntropyReference(ReferenceContext& context) {
  const int64_t classes = context.shape(0)[context.shape(0).rank() - 1];
  const double smoothing = context.attrs<CrossEntropyAttrs>().label_smoothing;
  for (size_t n = 0; n < context.out(0).size(); ++n) {
    GRADUS_ASSIGN_OR_RETURN(int64_t label, Label(context, 1, n, classes));
    const double* x = context.in(0).data() + n * classes;
    const double largest = *std::max_element(x, x + classes);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - largest);
    double loss = largest + std::log(sum);
    for (int64_t c = 0; c < classes; ++c) loss -= Target(smoothing, classes, c == label) * x[c];
    context.out(0)[n] = loss;
  }
  return absl::OkStatus();
}

absl::Status BackwardReference(ReferenceContext& context) {
  const int64_t classes = context.shape(0)[context.shape(0).rank() - 1];
  const double smoothing = context.attrs<CrossEntropyAttrs>().label_smoothing;
  for (size_t n = 0; n < context.in(2).size(); ++n) {
    GRADUS_ASSIGN_OR_RETURN(int64_t label, Label(context, 1, n, classes));
    const double* x = context.in(0).data() + n * classes;
    const double largest = *std::max_element(x, x + classes);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - largest);
    for (int64_t c = 0; c < classes; ++c) {
      context.out(0)[n * classes + c] =
          context.in(2)[n] * (std::exp(x[c] - largest) / sum - Target(smoothing, classes, c == label));
    }
  }
  return absl::OkStatus();
}

absl::Status LabelWeightReference(ReferenceContext& context) {
  const std::vector<double>& weights = context.attrs<LabelWeightAttrs>().weights;
  for (size_t n = 0; n < context.out(0).size(); ++n) {
    GRADUS_ASSIGN_OR_RETURN(int64_t label, Label(context, 0, n, static_cast<int64_t>(weights.size())));
    context.out(0)[n] = weights[label];
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(SoftmaxCrossEntropy, CrossEntropyReference);
REGISTER_REFERENCE(SoftmaxCrossEntropyBackward, BackwardReference);
REGISTER_REFERENCE(LabelWeight, LabelWeightReference);

}  // namespace gradus
