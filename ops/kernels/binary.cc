// Own loops: over any layout where the operands have one shape, along the larger operand's layout where one broadcasts.
#include "ops/binary.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {
namespace {

// The tile's operands are y, a, b.
template <typename Function>
GRADUS_INLINE void Loop(const StridedTile& tile, const float* a, const float* b, float* y, Function f) {
  const auto [y_stride, a_stride, b_stride] = tile.col_stride;
  for (int64_t r = 0; r < tile.rows; ++r) {
    float* const to = y + tile.offset[0] + r * tile.row_stride[0];
    const float* const left = a + tile.offset[1] + r * tile.row_stride[1];
    const float* const right = b + tile.offset[2] + r * tile.row_stride[2];
    if (y_stride == 1 && a_stride == 1 && b_stride == 1) {
      for (int64_t c = 0; c < tile.cols; ++c) to[c] = f(left[c], right[c]);
    } else if (y_stride == 1 && a_stride == 1 && b_stride == 0) {
      const float constant = *right;
      for (int64_t c = 0; c < tile.cols; ++c) to[c] = f(left[c], constant);
    } else if (y_stride == 1 && a_stride == 0 && b_stride == 1) {
      const float constant = *left;
      for (int64_t c = 0; c < tile.cols; ++c) to[c] = f(constant, right[c]);
    } else {
      for (int64_t c = 0; c < tile.cols; ++c) to[c * y_stride] = f(left[c * a_stride], right[c * b_stride]);
    }
  }
}

GRADUS_MULTIVERSION void BinaryTile(Binary::Function function, const StridedTile& tile, const float* a, const float* b,
                                    float* y) {
  switch (function) {
    case Binary::ADD:
      return Loop(tile, a, b, y, [](float l, float r) { return l + r; });
    case Binary::SUBTRACT:
      return Loop(tile, a, b, y, [](float l, float r) { return l - r; });
    case Binary::MULTIPLY:
      return Loop(tile, a, b, y, [](float l, float r) { return l * r; });
    case Binary::DIVIDE:
      return Loop(tile, a, b, y, [](float l, float r) { return l / r; });
    case Binary::MAXIMUM:
      return Loop(tile, a, b, y, [](float l, float r) { return l > r ? l : r; });
    case Binary::MINIMUM:
      return Loop(tile, a, b, y, [](float l, float r) { return l < r ? l : r; });
    case Binary::POWER:
      return Loop(tile, a, b, y, [](float l, float r) { return std::pow(l, r); });
  }
}

struct Layouts {
  Layout y, a, b;
};

std::optional<StridedLoops> LoopsFor(const KernelContext& context, const Layouts& layouts) {
  if (layouts.a == layouts.y && layouts.b == layouts.y) return StridedLoops::Flat(layouts.y.stored_elements());
  const Shape& y = context.output_type(0).shape;
  return StridedLoops::Make(
      y.dims(), {{layouts.y, y}, {layouts.a, context.input_type(0).shape}, {layouts.b, context.input_type(1).shape}});
}

// The layouts to work in, best first: that of the larger operand with the other as it is, or made to fit; all plain.
std::vector<Layouts> Choices(const KernelContext& context) {
  const TensorType& a = context.input_type(0);
  const TensorType& b = context.input_type(1);
  const TensorType& y = context.output_type(0);
  const Layout at_a = context.inputs[0], at_b = context.inputs[1];
  std::vector<Layouts> choices;
  if (a == y && b == y) {
    const Layout common = CommonLayout(context);
    choices.push_back({common, common, common});
  } else if (a == y && !at_a.plain() && Loopable(at_a)) {
    choices.push_back({at_a, at_a, at_b});
    if (at_a.desc().ndims == y.shape.rank()) choices.push_back({at_a, at_a, LayoutLike(at_a, b.shape)});
  } else if (b == y && !at_b.plain() && Loopable(at_b)) {
    choices.push_back({at_b, at_a, at_b});
    if (at_b.desc().ndims == y.shape.rank()) choices.push_back({at_b, LayoutLike(at_b, a.shape), at_b});
  }
  choices.push_back({Layout::Plain(y), Layout::Plain(a), Layout::Plain(b)});
  return choices;
}

// f(0, 0) != 0, and what broadcasts is not zero in the padding either.
bool SpoilsPadding(Binary::Function function, bool broadcasts) {
  return broadcasts || function == Binary::DIVIDE || function == Binary::POWER;
}

absl::StatusOr<std::vector<Candidate>> BinaryCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const Binary::Function function = context.attrs<BinaryAttrs>().function;
  const bool broadcasts = context.input_type(0) != context.input_type(1);
  for (const Layouts& layouts : Choices(context)) {
    const Layout& y = layouts.y;
    std::optional<StridedLoops> loops = LoopsFor(context, layouts);
    if (!loops) continue;
    Candidate candidate = FunctionCandidate(
        "gradus:loop", {layouts.a, layouts.b}, {y}, [function, loops = *std::move(loops)](const Buffers& buffers) {
          loops.Run([&](const StridedTile& tile) {
            BinaryTile(function, tile, buffers.in<float>(0), buffers.in<float>(1), buffers.out<float>(0));
          });
          return absl::OkStatus();
        });
    if (SpoilsPadding(function, broadcasts)) candidate = WithPaddingZeros(std::move(candidate));
    return std::vector<Candidate>{std::move(candidate)};
  }
  return absl::InternalError("plain operands without loops");
}

REGISTER_KERNEL(Binary, BinaryCandidates);

}  // namespace
}  // namespace gradus
