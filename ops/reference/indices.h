// Row-major indices, for references: clear and slow.
#ifndef GRADUS_OPS_REFERENCE_INDICES_H_
#define GRADUS_OPS_REFERENCE_INDICES_H_

#include <cstdint>

#include "core/shape.h"

namespace gradus {

// The index along each axis of the `element`-th element.
inline Dims IndexOf(int64_t element, const Shape& shape) {
  Dims index(shape.rank());
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

// The element of a tensor at `index`, of which it may have fewer axes (aligned at the last) and size 1 where it
// broadcasts.
inline int64_t ElementAt(const Dims& index, const Shape& shape) {
  const int more = static_cast<int>(index.size()) - shape.rank();
  int64_t element = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    element = element * shape[axis] + (shape[axis] == 1 ? 0 : index[axis + more]);
  }
  return element;
}

}  // namespace gradus

#endif  // GRADUS_OPS_REFERENCE_INDICES_H_
