// Slice and Pad: copies of a box, in the input's layout where the box does not cut its blocks, else plain.
#include "ops/slice.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/copy.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/strided_loops.h"
#include "ops/pad.h"

namespace gradus {
namespace {

struct Layouts {
  Layout x, y;
};

std::vector<Layouts> Choices(const KernelContext& context) {
  const Layout& x = context.inputs[0];
  const TensorType& y = context.output_type(0);
  std::vector<Layouts> choices;
  if (!x.plain() && Loopable(x)) {
    if (x.desc().ndims == y.shape.rank()) choices.push_back({x, LayoutLike(x, y.shape)});
    choices.push_back({x, Layout::Plain(y)});
  }
  choices.push_back({Layout::Plain(context.input_type(0)), Layout::Plain(y)});
  return choices;
}

absl::StatusOr<std::vector<Candidate>> SliceCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const Shape& x = context.input_type(0).shape;
  const Shape& y = context.output_type(0).shape;
  const Dims& begin = context.attrs<SliceAttrs>().begin;
  for (const Layouts& layouts : Choices(context)) {
    std::optional<StridedLoops> loops = StridedLoops::Make(y.dims(), {{layouts.y, y}, {layouts.x, x, begin}});
    if (!loops) continue;
    return std::vector<Candidate>{
        FunctionCandidate("gradus:loop", {layouts.x}, {layouts.y}, [loops = *std::move(loops)](const Buffers& buffers) {
          loops.Run([&](const StridedTile& tile) { CopyTile(tile, buffers.in<float>(0), buffers.out<float>(0)); });
          return absl::OkStatus();
        })};
  }
  return absl::InternalError("plain operands without loops");
}

absl::StatusOr<std::vector<Candidate>> PadCandidates(const KernelContext& context) {
  const Shape& x = context.input_type(0).shape;
  const Shape& y = context.output_type(0).shape;
  const auto& attrs = context.attrs<PadAttrs>();
  for (const Layouts& layouts : Choices(context)) {
    std::optional<StridedLoops> loops = StridedLoops::Make(x.dims(), {{layouts.y, y, attrs.before}, {layouts.x, x}});
    if (!loops) continue;
    Candidate candidate =
        FunctionCandidate("gradus:loop", {layouts.x}, {layouts.y},
                          [loops = *std::move(loops), n = layouts.y.stored_elements(),
                           value = static_cast<float>(attrs.value)](const Buffers& buffers) {
                            constexpr int64_t kElementsWorthAThread = 16384;
                            float* const to = buffers.out<float>(0);
                            ParallelFor(n, kElementsWorthAThread,
                                        [&](int64_t begin, int64_t end) { std::fill(to + begin, to + end, value); });
                            loops.Run([&](const StridedTile& tile) { CopyTile(tile, buffers.in<float>(0), to); });
                            return absl::OkStatus();
                          });
    if (attrs.value != 0) candidate = WithPaddingZeros(std::move(candidate));
    return std::vector<Candidate>{std::move(candidate)};
  }
  return absl::InternalError("plain operands without loops");
}

REGISTER_KERNEL(Slice, SliceCandidates);
REGISTER_KERNEL(Pad, PadCandidates);

}  // namespace
}  // namespace gradus
