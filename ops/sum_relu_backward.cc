// The gradients of a value that several read, on their way back through the relu that made it, in one pass:
//
//   SumReluBackward (y, g_1, ..., g_n) -> dx, dx = g_1 + ... + g_n where y > 0, and 0 elsewhere; all f32 of one shape
//
// Made by a pass (ops/passes/relu_gradients.cc).
#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"
#include "graph/reference.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/multiversion.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

constexpr int64_t kElementsWorthAThread = 16384, kFloatsOfACacheLine = 16;

REGISTER_OP(SumReluBackward)
    .Inputs(2, kAnyNumber)
    .Types(OneFloatType)
    .NoGradient("made by a pass after differentiation")
    .InPlace(1, 0)
    .InPlace(2, 0)
    .InPlace(3, 0)
    .InPlace(4, 0)
    .InPlace(0, 0);

absl::Status Reference(ReferenceContext& context) {
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    for (size_t k = 1; k < context.inputs.size() && context.in(0)[i] > 0; ++k) context.out(0)[i] += context.in(k)[i];
  }
  return absl::OkStatus();
}

// dx[begin, end); `x` are y and the gradients, one of which dx may be.
GRADUS_MULTIVERSION void SumRange(const void* const* x, size_t count, float* dx, int64_t begin, int64_t end) {
  constexpr int64_t kChunk = 1024;  // stays in the first cache
  float sums[kChunk];
  for (; begin < end; begin += kChunk) {
    const int64_t n = std::min(end - begin, kChunk);
    const float* const y = static_cast<const float*>(x[0]) + begin;
    const float* sum = static_cast<const float*>(x[1]) + begin;
    for (size_t k = 2; k < count; ++k, sum = sums) {
      const float* const term = static_cast<const float*>(x[k]) + begin;
      for (int64_t i = 0; i < n; ++i) sums[i] = sum[i] + term[i];
    }
    float* const to = dx + begin;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) to[i] = y[i] > 0 ? sum[i] : 0;
  }
}

absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context) {
  const Layout layout = CommonLayout(context);
  const auto run = [n = layout.stored_elements()](const Buffers& buffers) {
    ParallelFor(
        n, kElementsWorthAThread,
        [&](int64_t begin, int64_t end) {
          SumRange(buffers.inputs.data(), buffers.inputs.size(), buffers.out<float>(0), begin, end);
        },
        kFloatsOfACacheLine);
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:loop", std::vector<Layout>(context.node.inputs.size(), layout), {layout}, run)};
}

REGISTER_REFERENCE(SumReluBackward, Reference);
REGISTER_KERNEL(SumReluBackward, Candidates);

}  // namespace
}  // namespace gradus
