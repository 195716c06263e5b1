// Products of the last two axes, leading axes broadcast by NumPy's rules:
//
//   MatMul {transpose_a, transpose_b} (a, b) -> y,  y = op(a) op(b)
//
// op(a): f32[..., M, K], op(b): f32[..., K, N], y: f32[..., M, N]; op swaps the last two axes where `transpose` says
// so.
#ifndef GRADUS_OPS_MATMUL_H_
#define GRADUS_OPS_MATMUL_H_

#include <cstdint>

#include "core/shape.h"

namespace gradus {

struct MatMulAttrs {
  bool transpose_a = false, transpose_b = false;
  template <typename F>
  void ForEach(F&& field) const {
    field("transpose_a", transpose_a);
    field("transpose_b", transpose_b);
  }
};

// The sizes of a well-typed product.
struct MatMulSizes {
  int64_t m, n, k;
};
MatMulSizes SizesOf(const MatMulAttrs& attrs, const Shape& a, const Shape& b);

}  // namespace gradus

#endif  // GRADUS_OPS_MATMUL_H_
