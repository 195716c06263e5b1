// The windows that convolution and pooling slide over the spatial dimensions of f32[N, C, spatial...]: from what a
// layer says (one value for all dimensions, SAME, defaults) to explicit numbers for each dimension, and the output's
// size:
//
//   output = floor((input + pad_begin + pad_end - reach) / stride) + 1,  reach = dilation (kernel - 1) + 1
#ifndef GRADUS_OPS_WINDOW_H_
#define GRADUS_OPS_WINDOW_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/shape.h"
#include "graph/layer.h"
#include "proto/layers.pb.h"

namespace gradus {

// One number for each spatial dimension. Part of the attributes of Conv and Pool.
struct Window {
  Dims kernel, stride, dilation, pad_begin, pad_end;

  int spatial_rank() const { return static_cast<int>(kernel.size()); }

  // Input elements from the first to the last tap along one dimension.
  int64_t Reach(int dim) const { return dilation[dim] * (kernel[dim] - 1) + 1; }

  template <typename F>
  void ForEach(F&& field) const {
    field("kernel", kernel);
    field("stride", stride);
    field("dilation", dilation);
    field("pad_begin", pad_begin);
    field("pad_end", pad_end);
  }
};

// Kernels, strides, dilations and pads are below this: then no sum of them overflows.
inline constexpr int64_t kMaxWindow = int64_t{1} << 31;

// The output's spatial dimensions for an input f32[N, C, spatial...]. Checks everything, so that type functions need no
// more: the input's type and its rank (3 to 5, as the window says), at least one channel and spatial element, the
// window's numbers. The window must fit into the padded input.
absl::StatusOr<Dims> WindowOutput(const Window& window, const TensorType& input);

// What a layer's message says; spans may be empty (the default).
struct WindowFields {
  absl::Span<const int64_t> kernel, stride, dilation, pad;
  std::optional<Padding> padding;
  bool stride_defaults_to_kernel = false;  // else to 1
  bool ceil = false;                       // the output's size is rounded up
};

struct ResolvedWindow {
  Window window;
  Dims output;
  // The last rows of `pad_end` that only rounding up added: an average never counts them.
  Dims ceil_rows;
};

// Errors cite the field at fault. `input` is the layer's input, of any type.
absl::StatusOr<ResolvedWindow> ResolveWindow(const LayerContext& context, const TensorType& input,
                                             const WindowFields& fields);

}  // namespace gradus

#endif  // GRADUS_OPS_WINDOW_H_
