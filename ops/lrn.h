// Local response normalisation across channels (Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
// Convolutional Neural Networks", NIPS 2012). alpha is divided by the size of the window, as in Caffe, oneDNN and
// PyTorch; the paper's own alpha is not.
//
//   Lrn         (x: f32[N, C, ...]) -> y of x's type,  y = x s^-beta
//   LrnBackward (x, dy)             -> dx,             dx = dy s^-beta - 2 alpha beta / size  x W(dy x s^(-beta - 1))
//
// with s = k + alpha / size  W(x^2), and W(v)[c] the sum of v over the channels c - (size - 1) / 2 to c + (size - 1) /
// 2 that exist.
#ifndef GRADUS_OPS_LRN_H_
#define GRADUS_OPS_LRN_H_

#include <cstdint>

namespace gradus {

struct LrnAttrs {
  int64_t size = 5;     // odd
  double alpha = 1e-4;  // not negative
  double beta = 0.75;
  double k = 1;  // above 0
  template <typename F>
  void ForEach(F&& field) const {
    field("size", size);
    field("alpha", alpha);
    field("beta", beta);
    field("k", k);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_LRN_H_
