// The kernels of graph/builtin_ops.h.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/parallel.h"
#include "graph/builtin_ops.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/copy.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/reduction.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {
namespace {

constexpr int64_t kElementsWorthAThread = 16384;

// The layout that is asked for, if we can walk it; else plain.
Layout OutputLayout(const KernelContext& context) {
  const Layout& wanted = context.wanted[0];
  return IsElementwise(wanted) && Loopable(wanted) ? wanted : Layout::Plain(context.output_type(0));
}

absl::StatusOr<std::vector<Candidate>> FillCandidates(const KernelContext& context) {
  const Layout layout = OutputLayout(context);
  const auto value = static_cast<float>(context.attrs<FillAttrs>().value);
  const int64_t n = layout.stored_elements();
  return std::vector<Candidate>{
      WithPaddingZeros(FunctionCandidate("gradus:loop", {}, {layout}, [value, n](const Buffers& buffers) {
        ParallelFor(n, kElementsWorthAThread, [&](int64_t begin, int64_t end) {
          std::fill(buffers.out<float>(0) + begin, buffers.out<float>(0) + end, value);
        });
        return absl::OkStatus();
      }))};
}

// y[begin, end) = the sum of x_i[begin, end) for all i. y may be any of the x.
GRADUS_MULTIVERSION void AddRange(const void* const* x, size_t count, float* y, int64_t begin, int64_t end) {
  constexpr int64_t kChunk = 1024;  // stays in the first cache
  float sums[kChunk];
  for (; begin < end; begin += kChunk) {
    const int64_t n = std::min(end - begin, kChunk);
    const float* const first = static_cast<const float*>(x[0]) + begin;
    const float* const last = static_cast<const float*>(x[count - 1]) + begin;
    float* const to = y + begin;
    if (count == 1) {
      for (int64_t i = 0; i < n; ++i) to[i] = first[i];
      continue;
    }
    const float* sum = first;
    for (size_t k = 1; k + 1 < count; ++k, sum = sums) {
      const float* const term = static_cast<const float*>(x[k]) + begin;
      for (int64_t i = 0; i < n; ++i) sums[i] = sum[i] + term[i];
    }
    for (int64_t i = 0; i < n; ++i) to[i] = sum[i] + last[i];
  }
}

absl::StatusOr<std::vector<Candidate>> AddNCandidates(const KernelContext& context) {
  const Layout layout = CommonLayout(context);
  const size_t count = context.node.inputs.size();
  return std::vector<Candidate>{FunctionCandidate("gradus:loop", std::vector<Layout>(count, layout), {layout},
                                                  [n = layout.stored_elements()](const Buffers& buffers) {
                                                    constexpr int64_t kFloatsOfACacheLine = 16;
                                                    ParallelFor(
                                                        n, kElementsWorthAThread,
                                                        [&](int64_t begin, int64_t end) {
                                                          AddRange(buffers.inputs.data(), buffers.inputs.size(),
                                                                   buffers.out<float>(0), begin, end);
                                                        },
                                                        kFloatsOfACacheLine);
                                                    return absl::OkStatus();
                                                  })};
}

absl::StatusOr<std::vector<Candidate>> SumToCandidates(const KernelContext& context) {
  return ReductionCandidates(context, Reduce::SUM, context.attrs<ShapeAttrs>().shape);
}

absl::StatusOr<std::vector<Candidate>> BroadcastToCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType& x = context.input_type(0);
  const TensorType& y = context.output_type(0);
  const Layout like = OutputLayout(context);
  std::vector<std::pair<Layout, Layout>> choices = {{like, context.inputs[0]}};
  if (!like.plain() && like.desc().ndims == y.shape.rank()) choices.emplace_back(like, LayoutLike(like, x.shape));
  choices.emplace_back(Layout::Plain(y), Layout::Plain(x));
  for (const auto& [to, from] : choices) {
    std::optional<StridedLoops> loops = StridedLoops::Make(y.shape.dims(), {{to, y.shape}, {from, x.shape}});
    if (!loops) continue;
    return std::vector<Candidate>{WithPaddingZeros(
        FunctionCandidate("gradus:loop", {from}, {to}, [loops = *std::move(loops)](const Buffers& buffers) {
          loops.Run([&](const StridedTile& tile) { CopyTile(tile, buffers.in<float>(0), buffers.out<float>(0)); });
          return absl::OkStatus();
        }))};
  }
  return absl::InternalError("plain operands without loops");
}

REGISTER_KERNEL(Fill, FillCandidates);
REGISTER_KERNEL(AddN, AddNCandidates);
REGISTER_KERNEL(SumTo, SumToCandidates);
REGISTER_KERNEL(BroadcastTo, BroadcastToCandidates);

}  // namespace
}  // namespace gradus
