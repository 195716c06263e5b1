// Constant elements around a tensor.
//
//   Pad {before, after, value} (x: f32) -> f32[before + x + after], `value` where x is not
#ifndef GRADUS_OPS_PAD_H_
#define GRADUS_OPS_PAD_H_

#include "core/shape.h"

namespace gradus {

struct PadAttrs {
  Dims before, after;  // one for each axis; not negative
  double value = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("before", before);
    field("after", after);
    field("value", value);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_PAD_H_
