// Windows of an image as the columns of a matrix (im2col), with which a convolution is one product of matrices
// (Chellapilla et al., "High Performance Convolutional Neural Networks for Document Processing", 2006), and back
// (col2im):
//
//   Unfold {window, input} (x)       -> columns   columns[n, (c, k), o] = x[n, c, i(o, k)], 0 outside x
//   Fold   {window, input} (columns) -> x         x[n, c, i] = the sum of columns[n, (c, k), o] with i(o, k) = i
//
// with i(o, k) as in ops/conv.h, x: f32[N, C, spatial...], columns: f32[N, C x taps, outputs]; `input` is x's shape.
// Each is the other's gradient.
#ifndef GRADUS_OPS_UNFOLD_H_
#define GRADUS_OPS_UNFOLD_H_

#include "core/shape.h"
#include "ops/window.h"

namespace gradus {

struct UnfoldAttrs {
  Window window;
  Shape input;
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    field("input", input);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_UNFOLD_H_
