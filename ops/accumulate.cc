// Accumulate: the sum of the gradients of a step's batches; see graph/step_ops.h.
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "graph/op.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> AccumulateTypes(const TypeContext& context) {
  for (int i = 0; i < 2; ++i) {
    if (context.input(i).dtype != DType::kFloat32 || context.input(i) != context.input(0)) {
      return absl::InvalidArgumentError(absl::StrCat("expected two f32 tensors of one shape; got ",
                                                     context.input(0).ToString(), " and ",
                                                     context.input(1).ToString()));
    }
  }
  return std::vector<TensorType>{context.input(0)};
}

}  // namespace

REGISTER_OP(Accumulate).Inputs(2).Types(AccumulateTypes).NoGradient("part of an update").InPlace(0, 0);

}  // namespace gradus
