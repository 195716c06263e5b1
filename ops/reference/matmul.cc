#include "ops/matmul.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "graph/reference.h"

namespace gradus {
namespace {

// Which matrix of `shape` the `index`-th matrix of a product of `leading` axes is made of.
int64_t MatrixOf(const Shape& shape, const Shape& leading, int64_t index) {
  int64_t matrix = 0, stride = 1;
  const int missing = leading.rank() - shape.rank();
  for (int axis = leading.rank() - 3; axis >= missing; --axis) {
    const int64_t position = index % leading[axis], size = shape[axis - missing];
    index /= leading[axis];
    if (size > 1) matrix += position * stride;
    stride *= size;
  }
  return matrix;
}

absl::Status MatMulReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<MatMulAttrs>();
  const Shape &a = context.shape(0), &b = context.shape(1), &y = context.outputs[0].shape;
  const auto [m, n, k] = SizesOf(attrs, a, b);
  const int64_t matrices = y.ElementsBetween(0, y.rank() - 2);
  for (int64_t matrix = 0; matrix < matrices; ++matrix) {
    const double* const left = context.in(0).data() + MatrixOf(a, y, matrix) * m * k;
    const double* const right = context.in(1).data() + MatrixOf(b, y, matrix) * k * n;
    double* const product = context.out(0).data() + matrix * m * n;
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        for (int64_t i = 0; i < k; ++i) {
          product[row * n + column] += left[attrs.transpose_a ? i * m + row : row * k + i] *
                                       right[attrs.transpose_b ? column * k + i : i * n + column];
        }
      }
    }
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(MatMul, MatMulReference);

}  // namespace
}  // namespace gradus
