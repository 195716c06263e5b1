#include "ops/label_elements.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/status_macros.h"
#include "graph/kernel.h"
#include "ops/softmax_cross_entropy.h"

namespace gradus {
namespace {

// Calls visit(n, place of its label's element) for each row; stops at the first label that is none.
template <typename Visit>
absl::Status ForEachLabel(const int32_t* labels, int64_t rows, int64_t each, int64_t classes, const Visit& visit) {
  for (int64_t n = 0; n < rows; ++n) {
    if (labels[n] < 0 || labels[n] >= classes) return LabelError(labels[n], classes, n, each);
    visit(n, n * classes + labels[n]);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context, bool take) {
  const Shape& labels = context.input_type(1).shape;
  const int64_t rows = labels.num_elements(), classes = context.attrs<LabelElementsAttrs>().classes;
  const int64_t each = labels.rank() == 0 ? 1 : labels.ElementsBetween(1, labels.rank());
  const auto run = [=](const Buffers& b) {
    const float* const from = b.in<float>(0);
    float* const to = b.out<float>(0);
    if (!take) std::fill(to, to + rows * classes, 0.0f);
    return ForEachLabel(b.in<int32_t>(1), rows, each, classes, [&](int64_t row, int64_t place) {
      if (take) {
        to[row] = from[place];
      } else {
        to[place] = from[row];
      }
    });
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:rows", {Layout::Plain(context.input_type(0)), Layout::Plain(context.input_type(1))},
                        {Layout::Plain(context.output_type(0))}, run)};
}

absl::StatusOr<std::vector<Candidate>> TakeLabelCandidates(const KernelContext& context) {
  return Candidates(context, /*take=*/true);
}

absl::StatusOr<std::vector<Candidate>> PutLabelCandidates(const KernelContext& context) {
  return Candidates(context, /*take=*/false);
}

REGISTER_KERNEL(TakeLabel, TakeLabelCandidates);
REGISTER_KERNEL(PutLabel, PutLabelCandidates);

}  // namespace
}  // namespace gradus
