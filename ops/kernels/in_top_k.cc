#include "ops/in_top_k.h"

#include "graph/kernel.h"
#include "ops/softmax_cross_entropy.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<Candidate>> InTopKCandidates(const KernelContext& context) {
  const TensorType &logits = context.input_type(0), &labels = context.input_type(1);
  const int64_t classes = logits.shape[logits.shape.rank() - 1], rows = labels.shape.num_elements();
  const int64_t each = labels.shape.rank() == 0 ? 1 : labels.shape.ElementsBetween(1, labels.shape.rank());
  const int64_t k = context.attrs<TopKAttrs>().k;
  auto run = [=](const Buffers& b) -> absl::Status {
    for (int64_t n = 0; n < rows; ++n) {
      const int32_t label = b.in<int32_t>(1)[n];
      if (label < 0 || label >= classes) return LabelError(label, classes, n, each);
      const float* x = b.in<float>(0) + n * classes;
      const float own = x[label];
      int64_t ahead = 0;
      for (int64_t c = 0; c < label; ++c) ahead += x[c] >= own;
      for (int64_t c = label + 1; c < classes; ++c) ahead += x[c] > own;
      b.out<float>(0)[n] = own == own && ahead < k ? 1.0f : 0.0f;
    }
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:count", {Layout::Plain(logits), Layout::Plain(labels)},
                                                  {Layout::Plain(context.output_type(0))}, run)};
}

}  // namespace

REGISTER_KERNEL(InTopK, InTopKCandidates);

}  // namespace gradus
