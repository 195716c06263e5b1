// Along the layout that the new weights are wanted in, or the old ones have: it runs once for each value of the
// weights.
#include "ops/fold_batch_norm.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "graph/kernel.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {
namespace {

// w' of w and the factors, which lie plain in scratch memory.
std::optional<StridedLoops> LoopsIn(const Layout& layout, const Shape& w) {
  if (w.num_elements() == 0) return StridedLoops::Flat(0);
  if (layout.any() || layout.opaque()) return std::nullopt;
  Dims column(w.rank(), 1);
  column[0] = w[0];
  const TensorType factors{DType::kFloat32, Shape::Make(column).value()};
  return StridedLoops::Make(w.dims(), {{layout, w}, {layout, w}, {Layout::Plain(factors), factors.shape}});
}

absl::StatusOr<std::vector<Candidate>> FoldBatchNormCandidates(const KernelContext& context) {
  const auto attrs = context.attrs<FoldBatchNormAttrs>();
  const TensorType& w = context.input_type(0);
  const Layout vector = Layout::Plain(context.input_type(1));
  const int64_t filters = w.shape[0];
  const bool empty = w.shape.num_elements() == 0;
  for (const Layout& layout : {context.flexible[0] ? context.wanted[0] : context.inputs[0], Layout::Plain(w)}) {
    if (layout.padded() || (empty && !layout.plain())) continue;  // factors have no padding
    std::optional<StridedLoops> loops = LoopsIn(layout, w.shape);
    if (!loops.has_value()) continue;
    std::vector<Layout> inputs(context.node.inputs.size(), vector);
    inputs[0] = layout;
    const auto run = [attrs, filters, loops = *std::move(loops)](const Buffers& b) {
      auto* const factors = static_cast<float*>(b.scratch);
      const auto at = [&](int input, int64_t f, double otherwise) {
        return input < 0 ? otherwise : static_cast<double>(b.in<float>(input)[f]);
      };
      for (int64_t f = 0; f < filters; ++f) {
        const double r = at(attrs.scale(), f, 1) / std::sqrt(b.in<float>(2)[f] + attrs.norm.epsilon);
        factors[f] = static_cast<float>(r);
        b.out<float>(1)[f] =
            static_cast<float>((at(attrs.bias(), f, 0) - b.in<float>(1)[f]) * r + at(attrs.shift(), f, 0));
      }
      loops.Run([&](const StridedTile& tile) {
        for (int64_t row = 0; row < tile.rows; ++row) {
          const auto start = [&](int operand) { return tile.offset[operand] + row * tile.row_stride[operand]; };
          float* const to = b.out<float>(0) + start(0);
          const float *const from = b.in<float>(0) + start(1), *const factor = factors + start(2);
          for (int64_t c = 0; c < tile.cols; ++c) {
            to[c * tile.col_stride[0]] = from[c * tile.col_stride[1]] * factor[c * tile.col_stride[2]];
          }
        }
      });
      return absl::OkStatus();
    };
    return std::vector<Candidate>{FunctionCandidate("gradus:loop", std::move(inputs), {layout, vector}, run,
                                                    filters * static_cast<int64_t>(sizeof(float)))};
  }
  return absl::InternalError("plain weights without loops");
}

REGISTER_KERNEL(FoldBatchNorm, FoldBatchNormCandidates);

}  // namespace
}  // namespace gradus
