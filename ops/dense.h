// The fully connected layer and its derivatives, which are linear in each of their inputs and so are each other's
// derivatives. x of any rank is read as f32[N, inputs] in row-major order:
//
//   Dense                             (x, w[, b]) -> y         y = x w^T + b
//   DenseBackwardData    {input}      (dy, w)     -> dx        dx = dy w
//   DenseBackwardWeights {has_bias}   (x, dy)     -> dw[, db]  dw = dy^T x, db = sum of dy over the batch
//
// x: f32[N, ...], w: f32[units, inputs], b: f32[units], y: f32[N, units].
#ifndef GRADUS_OPS_DENSE_H_
#define GRADUS_OPS_DENSE_H_

#include "core/shape.h"

namespace gradus {

struct DenseAttrs {
  template <typename F>
  void ForEach(F&&) const {}
};

struct DenseBackwardDataAttrs {
  Dims input;  // dimensions of x but the batch
  template <typename F>
  void ForEach(F&& field) const {
    field("input", input);
  }
};

struct DenseBackwardWeightsAttrs {
  bool has_bias = false;
  template <typename F>
  void ForEach(F&& field) const {
    field("has_bias", has_bias);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_DENSE_H_
