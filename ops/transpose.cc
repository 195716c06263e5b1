#include "ops/transpose.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// Whether `permutation` has each of 0, ..., rank - 1 once.
bool IsPermutation(absl::Span<const int64_t> permutation, int rank) {
  if (static_cast<int>(permutation.size()) != rank) return false;
  std::vector<bool> seen(rank, false);
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= rank || seen[axis]) return false;
    seen[axis] = true;
  }
  return true;
}

std::string Expectation(int rank) { return absl::StrCat("each axis from 0 to ", rank - 1, " once"); }

std::string Print(absl::Span<const int64_t> dims) { return absl::StrCat("[", absl::StrJoin(dims, ", "), "]"); }

absl::StatusOr<std::vector<TensorType>> TransposeTypes(const TypeContext& context) {
  const Dims& permutation = context.attrs.as<TransposeAttrs>().permutation;
  const Shape& x = context.shape(0);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (!IsPermutation(permutation, x.rank())) {
    return TypeError(Expectation(x.rank()), absl::StrCat(Print(permutation), " for ", x.ToString()));
  }
  Dims dims;
  for (int64_t axis : permutation) dims.push_back(x[static_cast<int>(axis)]);
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, y}};
}

// dx = dy with the inverse permutation
absl::Status TransposeGradient(GradientContext& context) {
  const Dims& permutation = context.attrs<TransposeAttrs>().permutation;
  Dims inverse(permutation.size());
  for (size_t k = 0; k < permutation.size(); ++k) inverse[permutation[k]] = static_cast<int64_t>(k);
  context.Set(0, Permute(context, context.dy(0), inverse));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerTranspose(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Transpose>();
  const TensorType x = context.type(context.input(0));
  const Dims permutation(config.permutation().begin(), config.permutation().end());
  if (!IsPermutation(permutation, x.shape.rank())) {
    return context.Error("permutation", absl::StrCat("of ", x.ToString(), " expected ", Expectation(x.shape.rank()),
                                                     "; got ", Print(permutation)));
  }
  return context.Call("Transpose", {context.input(0)}, TransposeAttrs{permutation});
}

REGISTER_OP(Transpose).Inputs(1).Types(TransposeTypes).Gradient(TransposeGradient);
REGISTER_LAYER(Transpose, "gradus.Transpose", LowerTranspose);

}  // namespace
}  // namespace gradus
