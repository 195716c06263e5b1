// Softmax and its logarithm along one axis.
//
//   Softmax            (x)     -> y = exp(x - max) / sum(exp(x - max))
//   LogSoftmax         (x)     -> y = x - max - log(sum(exp(x - max)))
//   SoftmaxBackward    (y, dy) -> dx = y (dy - sum(dy y)),      y the output of Softmax
//   LogSoftmaxBackward (y, dy) -> dx = dy - exp(y) sum(dy),     y the output of LogSoftmax
//
// Sums and maxima run over the axis; all tensors are f32 of one shape.
#ifndef GRADUS_OPS_SOFTMAX_H_
#define GRADUS_OPS_SOFTMAX_H_

namespace gradus {

struct SoftmaxAttrs {
  int axis = 0;  // counted from the first
  template <typename F>
  void ForEach(F&& field) const {
    field("axis", axis);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_SOFTMAX_H_
