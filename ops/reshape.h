// A new shape for the same elements in row-major order.
//
//   Reshape {shape} (x) -> x's dtype [shape], with as many elements as x
#ifndef GRADUS_OPS_RESHAPE_H_
#define GRADUS_OPS_RESHAPE_H_

#include "core/shape.h"

namespace gradus {

struct ReshapeAttrs {
  Shape shape;  // batch included
  template <typename F>
  void ForEach(F&& field) const {
    field("shape", shape);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_RESHAPE_H_
