// For each example of a batch the hardest other ones, by which triplets are made (Hermans et al., "In Defense of the
// Triplet Loss for Person Re-Identification", 2017):
//
//   HardestInBatch (x f32[N, D], labels i32[N]) -> (farthest f32[N, N], nearest f32[N, N])
//
// Row n of `farthest` is 1 at the example of n's label, other than n, that is farthest from n by Euclidean distance;
// row n of `nearest` at the nearest one of another label. Of equal distances the first counts; a row without such an
// example is 0. So `farthest` x is the matrix of positives, and its gradient is known.
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> HardestInBatchTypes(const TypeContext& context) {
  const TensorType &x = context.input(0), &labels = context.input(1);
  if (x.dtype != DType::kFloat32 || x.shape.rank() != 2) return TypeError("vectors f32[N, D]", x.ToString());
  const TensorType expected = {DType::kInt32, Shape{x.shape[0]}};
  if (labels != expected) {
    return TypeError(absl::StrCat("labels ", expected.ToString(), " for vectors ", x.ToString()), labels.ToString());
  }
  absl::StatusOr<Shape> square = Shape::Make({x.shape[0], x.shape[0]});
  if (!square.ok()) return square.status();
  return std::vector<TensorType>(2, {DType::kFloat32, *square});
}

REGISTER_OP(HardestInBatch).Inputs(2).Types(HardestInBatchTypes).NoGradient("a choice");

}  // namespace
}  // namespace gradus
