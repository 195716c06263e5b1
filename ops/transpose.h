// A new order of axes.
//
//   Transpose {permutation} (x: f32) -> y: f32, where axis k of y is axis permutation[k] of x
#ifndef GRADUS_OPS_TRANSPOSE_H_
#define GRADUS_OPS_TRANSPOSE_H_

#include "core/shape.h"

namespace gradus {

struct TransposeAttrs {
  Dims permutation;  // every axis once
  template <typename F>
  void ForEach(F&& field) const {
    field("permutation", permutation);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_TRANSPOSE_H_
