// Pooling over windows of the spatial dimensions, each channel for itself. x: f32[N, C, spatial...] with 1 to 3 spatial
// dimensions, y: f32[N, C, spatial'...]; the sizes are those of ops/window.h. Every window holds at least one element
// of x.
//
//   MaxPool             {window}        (x)          -> y, argmax    y = the largest element; of equal ones the
//                                                                    first in row-major order; NaN if there is one
//   MaxPoolBackward     {window, input} (dy, argmax) -> dx           dy goes to the element that was the largest
//   MaxPoolGather       {window}        (x, argmax)  -> y            the elements of another x at the same places
//   AveragePool         {window, ...}   (x)          -> y            y = sum / divisor
//   AveragePoolBackward {..., input}    (dy)         -> dx
//
// argmax is opaque: for each element of y, where in x it came from. Its format is the kernels' own.
#ifndef GRADUS_OPS_POOL_H_
#define GRADUS_OPS_POOL_H_

#include "absl/status/statusor.h"
#include "core/shape.h"
#include "ops/window.h"

namespace gradus {

struct MaxPoolAttrs {  // MaxPool, MaxPoolGather
  Window window;
  bool keep_switches = false;  // argmax is made even where nothing will be differentiated
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    if (keep_switches) field("keep_switches", keep_switches);
  }
};

struct MaxPoolBackwardAttrs {
  Window window;
  Shape input;  // x's
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    field("input", input);
  }
};

// The divisor is the number of the window's elements that lie in x or, with `count_padding`, in x and its padding, the
// last `ceil_rows` rows of each dimension not counted (those that only rounding up added).
struct AveragePoolAttrs {
  Window window;
  bool count_padding = true;
  Dims ceil_rows;
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    field("count_padding", count_padding);
    field("ceil_rows", ceil_rows);
  }
};

struct AveragePoolBackwardAttrs {
  AveragePoolAttrs forward;
  Shape input;  // x's
  template <typename F>
  void ForEach(F&& field) const {
    forward.ForEach(field);
    field("input", input);
  }
};

// The type of y for an x of this type, or what is wrong with the two.
absl::StatusOr<TensorType> PooledType(const Window& window, const TensorType& x);

}  // namespace gradus

#endif  // GRADUS_OPS_POOL_H_
