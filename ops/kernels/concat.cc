// Copies of boxes, in the layout for which fewest bytes of the inputs have to be reordered first.
#include "ops/concat.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/copy.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {
namespace {

struct Choice {
  Layout y;
  std::vector<Layout> inputs;
  std::vector<StridedLoops> loops;  // by input
  int64_t reordered_bytes = 0;
};

// Each input as it is at hand, or in y's layout, or not at all.
std::optional<Choice> ChoiceFor(const KernelContext& context, const Layout& y) {
  Choice choice{y, {}, {}, 0};
  const Shape& shape = context.output_type(0).shape;
  Dims begin(shape.rank(), 0);
  const int64_t axis = context.attrs<ConcatAttrs>().axis;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    const TensorType& x = context.input_type(static_cast<int>(i));
    const Layout& at_hand = context.inputs[i];
    for (const Layout& layout : {at_hand, y.plain() ? Layout::Plain(x) : LayoutLike(y, x.shape)}) {
      std::optional<StridedLoops> loops = StridedLoops::Make(x.shape.dims(), {{y, shape, begin}, {layout, x.shape}});
      if (!loops) continue;
      if (layout != at_hand && !context.flexible[i]) choice.reordered_bytes += x.bytes();
      choice.inputs.push_back(layout);
      choice.loops.push_back(*std::move(loops));
      break;
    }
    if (choice.inputs.size() != i + 1) return std::nullopt;
    begin[axis] += x.shape[static_cast<int>(axis)];
  }
  return choice;
}

std::optional<Choice> BestChoice(const KernelContext& context) {
  const TensorType& y = context.output_type(0);
  std::vector<Layout> layouts;
  for (const Layout& x : context.inputs) {
    if (x.plain() || !Loopable(x) || x.desc().ndims != y.shape.rank()) continue;
    const Layout like = LayoutLike(x, y.shape);
    if (std::find(layouts.begin(), layouts.end(), like) == layouts.end()) layouts.push_back(like);
  }
  layouts.push_back(Layout::Plain(y));
  std::optional<Choice> best;
  for (const Layout& layout : layouts) {
    std::optional<Choice> choice = ChoiceFor(context, layout);
    if (choice && (!best || choice->reordered_bytes < best->reordered_bytes)) best = std::move(choice);
  }
  return best;
}

absl::StatusOr<std::vector<Candidate>> ConcatCandidates(const KernelContext& context) {
  if (context.output_type(0).shape.num_elements() == 0) return std::vector<Candidate>{ZerosCandidate(context)};
  std::optional<Choice> choice = BestChoice(context);
  if (!choice) return absl::InternalError("plain operands without loops");
  return std::vector<Candidate>{FunctionCandidate(
      "gradus:loop", choice->inputs, {choice->y}, [loops = std::move(choice->loops)](const Buffers& buffers) {
        for (size_t i = 0; i < loops.size(); ++i) {
          loops[i].Run([&](const StridedTile& tile) {
            CopyTile(tile, buffers.in<float>(static_cast<int>(i)), buffers.out<float>(0));
          });
        }
        return absl::OkStatus();
      })};
}

REGISTER_KERNEL(Concat, ConcatCandidates);

}  // namespace
}  // namespace gradus
