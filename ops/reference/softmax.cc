#include "ops/softmax.h"

#include <algorithm>
#include <cmath>

#include "graph/reference.h"

namespace gradus {
namespace {

// Calls row(index of element k along the axis) for every line of the tensor.
template <typename Line>
void ForEachLine(const Shape& shape, int axis, const Line& line) {
  const int64_t n = shape[axis], inner = shape.ElementsBetween(axis + 1, shape.rank());
  if (shape.num_elements() == 0) return;
  for (int64_t outer = 0; outer < shape.ElementsBetween(0, axis); ++outer) {
    for (int64_t i = 0; i < inner; ++i) {
      line([=](int64_t k) { return static_cast<size_t>((outer * n + k) * inner + i); }, n);
    }
  }
}

absl::Status Forward(ReferenceContext& context, bool log) {
  const std::vector<double>& x = context.in(0);
  ForEachLine(context.shape(0), context.attrs<SoftmaxAttrs>().axis, [&](auto at, int64_t n) {
    double largest = x[at(0)], sum = 0;
    for (int64_t k = 1; k < n; ++k) largest = std::max(largest, x[at(k)]);
    for (int64_t k = 0; k < n; ++k) sum += std::exp(x[at(k)] - largest);
    for (int64_t k = 0; k < n; ++k) {
      const double shifted = x[at(k)] - largest;
      context.out(0)[at(k)] = log ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  });
  return absl::OkStatus();
}

absl::Status SoftmaxReference(ReferenceContext& context) { return Forward(context, false); }
absl::Status LogSoftmaxReference(ReferenceContext& context) { return Forward(context, true); }

absl::Status SoftmaxBackwardReference(ReferenceContext& context) {
  const std::vector<double>&y = context.in(0), &dy = context.in(1);
  ForEachLine(context.shape(0), context.attrs<SoftmaxAttrs>().axis, [&](auto at, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) sum += dy[at(k)] * y[at(k)];
    for (int64_t k = 0; k < n; ++k) context.out(0)[at(k)] = y[at(k)] * (dy[at(k)] - sum);
  });
  return absl::OkStatus();
}

absl::Status LogSoftmaxBackwardReference(ReferenceContext& context) {
  const std::vector<double>&y = context.in(0), &dy = context.in(1);
  ForEachLine(context.shape(0), context.attrs<SoftmaxAttrs>().axis, [&](auto at, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) sum += dy[at(k)];
    for (int64_t k = 0; k < n; ++k) context.out(0)[at(k)] = dy[at(k)] - std::exp(y[at(k)]) * sum;
  });
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(Softmax, SoftmaxReference);
REGISTER_REFERENCE(LogSoftmax, LogSoftmaxReference);
REGISTER_REFERENCE(SoftmaxBackward, SoftmaxBackwardReference);
REGISTER_REFERENCE(LogSoftmaxBackward, LogSoftmaxBackwardReference);

}  // namespace gradus
