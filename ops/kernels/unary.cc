// oneDNN's eltwise primitives over the stored elements as one row, so that every layout is alike to them; own loops for
// the two functions that oneDNN lacks.
#include "ops/unary.h"

#include <cmath>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kElementsWorthAThread = 16384, kFloatsOfACacheLine = 16;

using UnaryLoop = void (*)(const float* x, float* y, int64_t n);
using BackwardLoop = void (*)(const float* s, const float* dy, float* dx, int64_t n);

GRADUS_MULTIVERSION void SignLoop(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>((x[i] > 0) - (x[i] < 0));
}

GRADUS_MULTIVERSION void ReciprocalBackwardLoop(const float* y, const float* dy, float* dx, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dx[i] = -y[i] * y[i] * dy[i];
}

Candidate LoopCandidate(const Layout& layout, UnaryLoop loop) {
  return FunctionCandidate("gradus:loop", {layout}, {layout}, [n = layout.stored_elements(), loop](const Buffers& b) {
    ParallelFor(
        n, kElementsWorthAThread,
        [&](int64_t begin, int64_t end) { loop(b.in<float>(0) + begin, b.out<float>(0) + begin, end - begin); },
        kFloatsOfACacheLine);
    return absl::OkStatus();
  });
}

Candidate BackwardLoopCandidate(const Layout& layout, BackwardLoop loop) {
  return FunctionCandidate(
      "gradus:loop", {layout, layout}, {layout}, [n = layout.stored_elements(), loop](const Buffers& b) {
        ParallelFor(
            n, kElementsWorthAThread,
            [&](int64_t begin, int64_t end) {
              loop(b.in<float>(0) + begin, b.in<float>(1) + begin, b.out<float>(0) + begin, end - begin);
            },
            kFloatsOfACacheLine);
        return absl::OkStatus();
      });
}

dnnl::memory::desc Row(const Layout& layout) {
  return {{layout.stored_elements()}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a};
}

dnnl::eltwise_forward::primitive_desc ForwardDesc(const UnaryRow& row, double alpha, const Layout& layout) {
  const dnnl::eltwise_forward::desc desc(dnnl::prop_kind::forward_training, static_cast<dnnl::algorithm>(row.forward),
                                         Row(layout), static_cast<float>(row.AlphaForDnnl(alpha)),
                                         static_cast<float>(row.dnnl_beta));
  return {desc, UserScratchpad(), CpuEngine()};
}

// `candidate`, a primitive over rows, with the layout that the rows are made of.
Candidate InLayout(Candidate candidate, const Layout& layout) {
  candidate.inputs.assign(candidate.inputs.size(), layout);
  candidate.outputs = {layout};
  candidate.in_place = true;
  return candidate;
}

absl::StatusOr<std::vector<Candidate>> UnaryCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<UnaryAttrs>();
  const UnaryRow& row = *FindUnary(attrs.function);
  const Layout layout = CommonLayout(context);
  if (row.function == SIGN) return std::vector<Candidate>{LoopCandidate(layout, SignLoop)};
  Candidate candidate;
  GRADUS_RETURN_IF_ERROR(TryOneDnn([&] {
    candidate = OneDnnCandidate(ForwardDesc(row, attrs.alpha, layout), {{DNNL_ARG_SRC, 0}}, {{DNNL_ARG_DST, 0}});
  }));
  candidate = InLayout(std::move(candidate), layout);
  const bool keeps_zeros = row.value(0, attrs.alpha) == 0;
  return std::vector<Candidate>{keeps_zeros ? candidate : WithPaddingZeros(std::move(candidate))};
}

absl::StatusOr<std::vector<Candidate>> UnaryBackwardCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<UnaryAttrs>();
  const UnaryRow& row = *FindUnary(attrs.function);
  const Layout layout = CommonLayout(context);
  if (row.function == RECIPROCAL) {
    return std::vector<Candidate>{BackwardLoopCandidate(layout, ReciprocalBackwardLoop)};
  }
  Candidate candidate;
  GRADUS_RETURN_IF_ERROR(TryOneDnn([&] {
    const dnnl::eltwise_backward::desc desc(static_cast<dnnl::algorithm>(row.backward), Row(layout), Row(layout),
                                            static_cast<float>(row.AlphaForDnnl(attrs.alpha)),
                                            static_cast<float>(row.dnnl_beta));
    const dnnl::eltwise_backward::primitive_desc backward(desc, UserScratchpad(), CpuEngine(),
                                                          ForwardDesc(row, attrs.alpha, layout));
    const int s = row.slope_kind == Slope::kOfInput ? DNNL_ARG_SRC : DNNL_ARG_DST;
    candidate = OneDnnCandidate(backward, {{s, 0}, {DNNL_ARG_DIFF_DST, 1}}, {{DNNL_ARG_DIFF_SRC, 0}});
  }));
  candidate = InLayout(std::move(candidate), layout);
  const bool keeps_zeros = std::isfinite(row.slope(0, attrs.alpha));
  return std::vector<Candidate>{keeps_zeros ? candidate : WithPaddingZeros(std::move(candidate))};
}

REGISTER_KERNEL(Unary, UnaryCandidates);
REGISTER_KERNEL(UnaryBackward, UnaryBackwardCandidates);

}  // namespace
}  // namespace gradus
