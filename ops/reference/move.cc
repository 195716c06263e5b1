// Operations that only move elements.
#include <algorithm>

#include "graph/reference.h"
#include "ops/concat.h"
#include "ops/pad.h"
#include "ops/reference/indices.h"
#include "ops/slice.h"
#include "ops/transpose.h"

namespace gradus {
namespace {

// Reshape and StopGradient.
absl::Status SameElements(ReferenceContext& context) {
  context.out(0) = context.in(0);
  return absl::OkStatus();
}

absl::Status TransposeReference(ReferenceContext& context) {
  const Dims& permutation = context.attrs<TransposeAttrs>().permutation;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const Dims to = IndexOf(static_cast<int64_t>(i), context.outputs[0].shape);
    Dims from(to.size());
    for (size_t k = 0; k < to.size(); ++k) from[permutation[k]] = to[k];
    context.out(0)[i] = context.in(0)[ElementAt(from, context.shape(0))];
  }
  return absl::OkStatus();
}

absl::Status ConcatReference(ReferenceContext& context) {
  const int64_t axis = context.attrs<ConcatAttrs>().axis;
  int64_t offset = 0;
  for (const ReferenceTensor* input : context.inputs) {
    for (size_t i = 0; i < input->values.size(); ++i) {
      Dims to = IndexOf(static_cast<int64_t>(i), input->shape);
      to[axis] += offset;
      context.out(0)[ElementAt(to, context.outputs[0].shape)] = input->values[i];
    }
    offset += input->shape[static_cast<int>(axis)];
  }
  return absl::OkStatus();
}

absl::Status SliceReference(ReferenceContext& context) {
  const Dims& begin = context.attrs<SliceAttrs>().begin;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    Dims from = IndexOf(static_cast<int64_t>(i), context.outputs[0].shape);
    for (size_t axis = 0; axis < from.size(); ++axis) from[axis] += begin[axis];
    context.out(0)[i] = context.in(0)[ElementAt(from, context.shape(0))];
  }
  return absl::OkStatus();
}

absl::Status PadReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<PadAttrs>();
  std::fill(context.out(0).begin(), context.out(0).end(), attrs.value);
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    Dims to = IndexOf(static_cast<int64_t>(i), context.shape(0));
    for (size_t axis = 0; axis < to.size(); ++axis) to[axis] += attrs.before[axis];
    context.out(0)[ElementAt(to, context.outputs[0].shape)] = context.in(0)[i];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Reshape, SameElements);
REGISTER_REFERENCE(StopGradient, SameElements);
REGISTER_REFERENCE(Transpose, TransposeReference);
REGISTER_REFERENCE(Concat, ConcatReference);
REGISTER_REFERENCE(Slice, SliceReference);
REGISTER_REFERENCE(Pad, PadReference);

}  // namespace
}  // namespace gradus
