#include "ops/unfold.h"

#include "graph/reference.h"

namespace gradus {
namespace {

// Calls visit(element of columns, element of x that it is) for all that lie in x.
template <typename Visit>
void ForEachElement(const UnfoldAttrs& attrs, const Shape& columns, const Visit& visit) {
  const Shape& x = attrs.input;
  const Window& window = attrs.window;
  int64_t taps = 1;
  for (int64_t k : window.kernel) taps *= k;
  const Dims outputs = *WindowOutput(window, TensorType{DType::kFloat32, x});
  for (int64_t element = 0; element < columns.num_elements(); ++element) {
    int64_t o = element % columns[2], tap = element / columns[2] % taps;
    const int64_t map = element / columns[2] / taps;
    int64_t place = 0, scale = 1;
    bool inside = true;
    for (int d = window.spatial_rank() - 1; d >= 0; --d) {
      const int64_t i =
          o % outputs[d] * window.stride[d] - window.pad_begin[d] + tap % window.kernel[d] * window.dilation[d];
      inside = inside && i >= 0 && i < x[2 + d];
      place += i * scale;
      scale *= x[2 + d];
      o /= outputs[d];
      tap /= window.kernel[d];
    }
    if (inside) visit(element, map * scale + place);
  }
}

absl::Status UnfoldReference(ReferenceContext& context) {
  ForEachElement(context.attrs<UnfoldAttrs>(), context.outputs[0].shape,
                 [&](int64_t column, int64_t x) { context.out(0)[column] = context.in(0)[x]; });
  return absl::OkStatus();
}

absl::Status FoldReference(ReferenceContext& context) {
  ForEachElement(context.attrs<UnfoldAttrs>(), context.shape(0),
                 [&](int64_t column, int64_t x) { context.out(0)[x] += context.in(0)[column]; });
  return absl::OkStatus();
}

REGISTER_REFERENCE(Unfold, UnfoldReference);
REGISTER_REFERENCE(Fold, FoldReference);

}  // namespace
}  // namespace gradus
