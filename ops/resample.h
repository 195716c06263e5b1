// Maps of another size. x: f32[N, C, spatial...] with 1 to 3 spatial dimensions. Output o of a dimension is at
// p = (o + 0.5) in / out - 0.5 of the input, between 0 and in - 1:
//
//   Resample         {linear, input, output} (x)  -> y   the element nearest to p (floor(p + 0.5) before p is limited),
//   or,
//                                                        linear, 1 - p + floor(p) of element floor(p) and the rest of
//                                                        the next, in each dimension
//   ResampleBackward {linear, input, output} (dy) -> dx  its transpose
//
// `input` and `output` are the spatial dimensions of x and y. Both are linear, and each other's gradient.
#ifndef GRADUS_OPS_RESAMPLE_H_
#define GRADUS_OPS_RESAMPLE_H_

#include "core/shape.h"

namespace gradus {

struct ResampleAttrs {
  bool linear = false;
  Dims input, output;
  template <typename F>
  void ForEach(F&& field) const {
    field("linear", linear);
    field("input", input);
    field("output", output);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_RESAMPLE_H_
