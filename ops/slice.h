// A box of a tensor.
//
//   Slice {begin, end} (x: f32) -> f32[end - begin], the elements with begin <= index < end along each axis
#ifndef GRADUS_OPS_SLICE_H_
#define GRADUS_OPS_SLICE_H_

#include "core/shape.h"

namespace gradus {

struct SliceAttrs {
  Dims begin, end;  // one for each axis: 0 <= begin <= end <= size
  template <typename F>
  void ForEach(F&& field) const {
    field("begin", begin);
    field("end", end);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_SLICE_H_
