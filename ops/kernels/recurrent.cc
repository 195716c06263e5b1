// Recurrent layers by loops of our own (ops/kernels/recurrent_steps.h). oneDNN's fused primitive takes the products
// with the inputs in, wants weights in two orders and repeats GEMMs that it packs anew at each step.
#include "ops/recurrent.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/recurrent_steps.h"

namespace gradus {
namespace {

// `sequence`: f32[N, T, H].
RecurrentSizes SizesOf(const RecurrentAttrs& attrs, const Shape& sequence) {
  return {sequence[0], sequence[1], sequence[2], FactsOf(attrs.cell).gates, attrs};
}

// All plain. Cells without saved gates have no output that may lie over an input.
Candidate PlainCandidate(const KernelContext& context, FunctionKernel::Function run, int64_t scratch_bytes) {
  std::vector<Layout> inputs, outputs;
  for (size_t i = 0; i < context.node.inputs.size(); ++i) {
    inputs.push_back(Layout::Plain(context.input_type(static_cast<int>(i))));
  }
  for (const TensorType& type : context.node.outputs) outputs.push_back(Layout::Plain(type));
  Candidate candidate =
      FunctionCandidate("gradus:steps", std::move(inputs), std::move(outputs), std::move(run), scratch_bytes);
  candidate.in_place = FactsOf(context.attrs<RecurrentAttrs>().cell).saves;
  return candidate;
}

const float* Floats(const Buffers& buffers, int input) { return input < 0 ? nullptr : buffers.in<float>(input); }
float* FloatsOut(const Buffers& buffers, int output) { return output < 0 ? nullptr : buffers.out<float>(output); }
const int32_t* Lengths(const Buffers& buffers, int input) { return input < 0 ? nullptr : buffers.in<int32_t>(input); }

absl::Status CheckLengths(const RecurrentSizes& sizes, const int32_t* lengths) {
  for (int64_t n = 0; lengths != nullptr && n < sizes.batch; ++n) {
    if (lengths[n] >= 0 && lengths[n] <= sizes.steps) continue;
    return absl::OutOfRangeError(absl::StrCat("the length ", lengths[n], " of example ", n,
                                              " of the batch is outside 0 ... ", sizes.steps,
                                              ", the steps that there are"));
  }
  return absl::OkStatus();
}

// Of sequences without examples, steps: no products, the states stay.
bool IsTrivial(const RecurrentSizes& sizes) { return sizes.batch == 0 || sizes.steps == 0; }

absl::StatusOr<std::vector<Candidate>> RecurrentCandidates(const KernelContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  const auto& attrs = context.attrs<RecurrentAttrs>();
  const RecurrentOperands at(attrs);
  const RecurrentSizes sizes = SizesOf(attrs, context.output_type(0).shape);
  const auto run = [at, sizes](const Buffers& b) -> absl::Status {
    GRADUS_RETURN_IF_ERROR(CheckLengths(sizes, Lengths(b, at.lengths)));
    if (IsTrivial(sizes)) {
      const int64_t state = sizes.batch * sizes.units;
      std::copy(b.in<float>(2), b.in<float>(2) + state, b.out<float>(1));
      if (at.c >= 0) std::copy(Floats(b, at.c0), Floats(b, at.c0) + state, b.out<float>(at.c));
      return absl::OkStatus();
    }
    RunForward(
        sizes,
        {b.in<float>(0), b.in<float>(1), b.in<float>(2), Floats(b, at.bias), Floats(b, at.c0), Lengths(b, at.lengths),
         b.out<float>(0), b.out<float>(1), FloatsOut(b, at.gates), FloatsOut(b, at.inner), FloatsOut(b, at.c)},
        b.scratch);
    return absl::OkStatus();
  };
  const int64_t scratch = IsTrivial(sizes) ? 0 : RunForwardBytes(sizes, context.threads);
  return std::vector<Candidate>{PlainCandidate(context, run, scratch)};
}

absl::StatusOr<std::vector<Candidate>> RecurrentBackwardCandidates(const KernelContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  const auto& attrs = context.attrs<RecurrentAttrs>();
  const RecurrentBackwardOperands at(attrs);
  const RecurrentSizes sizes = SizesOf(attrs, context.input_type(2).shape);
  const auto run = [at, sizes](const Buffers& b) -> absl::Status {
    GRADUS_RETURN_IF_ERROR(CheckLengths(sizes, Lengths(b, at.lengths)));
    if (IsTrivial(sizes)) {
      const int64_t state = sizes.batch * sizes.units;
      std::fill_n(b.out<float>(1), sizes.gates * sizes.units * sizes.units, 0.0f);
      std::copy(b.in<float>(4), b.in<float>(4) + state, b.out<float>(2));
      if (at.db >= 0) std::fill_n(b.out<float>(at.db), sizes.units, 0.0f);
      if (at.dc0 >= 0) std::copy(Floats(b, at.dc), Floats(b, at.dc) + state, b.out<float>(at.dc0));
      return absl::OkStatus();
    }
    return RunBackward(
        sizes,
        {b.in<float>(0), b.in<float>(1), b.in<float>(2), b.in<float>(3), b.in<float>(4), Floats(b, at.gates),
         Floats(b, at.inner), Floats(b, at.c0), Floats(b, at.dc), Lengths(b, at.lengths), b.out<float>(0),
         b.out<float>(1), b.out<float>(2), FloatsOut(b, at.db), FloatsOut(b, at.dc0)},
        b.scratch);
  };
  const int64_t scratch = IsTrivial(sizes) ? 0 : RunBackwardBytes(sizes, context.threads);
  return std::vector<Candidate>{PlainCandidate(context, run, scratch)};
}

REGISTER_KERNEL(Recurrent, RecurrentCandidates);
REGISTER_KERNEL(RecurrentBackward, RecurrentBackwardCandidates);

}  // namespace
}  // namespace gradus
