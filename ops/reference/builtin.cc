// What graph/builtin_ops.h means. Input, Variable and Assign are the evaluator's own.
#include <algorithm>

#include "graph/builtin_ops.h"
#include "graph/reference.h"
#include "ops/reference/indices.h"

namespace gradus {
namespace {

absl::Status FillReference(ReferenceContext& context) {
  std::fill(context.out(0).begin(), context.out(0).end(), context.attrs<FillAttrs>().value);
  return absl::OkStatus();
}

absl::Status AddNReference(ReferenceContext& context) {
  for (const ReferenceTensor* input : context.inputs) {
    for (size_t i = 0; i < input->values.size(); ++i) context.out(0)[i] += input->values[i];
  }
  return absl::OkStatus();
}

absl::Status SumToReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    const Dims index = IndexOf(static_cast<int64_t>(i), context.shape(0));
    context.out(0)[ElementAt(index, context.outputs[0].shape)] += context.in(0)[i];
  }
  return absl::OkStatus();
}

absl::Status BroadcastToReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const Dims index = IndexOf(static_cast<int64_t>(i), context.outputs[0].shape);
    context.out(0)[i] = context.in(0)[ElementAt(index, context.shape(0))];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Fill, FillReference);
REGISTER_REFERENCE(AddN, AddNReference);
REGISTER_REFERENCE(SumTo, SumToReference);
REGISTER_REFERENCE(BroadcastTo, BroadcastToReference);

}  // namespace
}  // namespace gradus
