// The weights of a linear layer with the batch norm behind it worked in, for inference:
//
//   FoldBatchNorm {norm, has_bias} (w, mean, variance, [scale], [shift], [b]) -> (w', b')
//                 w'[f, ...] = w[f, ...] r[f],  b' = (b - mean) r + shift,  r = scale / sqrt(variance + epsilon)
//
// w: f32[filters, ...]; all others f32[filters]. Made by a pass (ops/passes/fold_batch_norm.cc).
#ifndef GRADUS_OPS_FOLD_BATCH_NORM_H_
#define GRADUS_OPS_FOLD_BATCH_NORM_H_

#include "ops/batch_norm.h"

namespace gradus {

struct FoldBatchNormAttrs {
  BatchNormAttrs norm;
  bool has_bias = false;

  int scale() const { return norm.has_scale ? 3 : -1; }  // inputs
  int shift() const { return norm.has_shift ? 3 + norm.has_scale : -1; }
  int bias() const { return has_bias ? 3 + norm.has_scale + norm.has_shift : -1; }
  template <typename F>
  void ForEach(F&& field) const {
    norm.ForEach(field);
    field("has_bias", has_bias);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_FOLD_BATCH_NORM_H_
