// What a parameter has to keep to after an update: Constrain of graph/step_ops.h.
//
//   Constrain {proximal_l1, keep_largest, prune_below, max_norm} (w, learning_rate f32[]) -> w
//
//   1. w = sign(w) max(|w| - learning_rate proximal_l1, 0)
//   2. all but the keep_largest elements of the largest magnitude are 0 (0: all stay); of equal ones the first in
//   memory stay
//   3. elements with |w| < prune_below are 0
//   4. each row of the first axis (a vector as a whole) is scaled by min(1, max_norm / its L2 norm) (0: it is not)
#include <cmath>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/step_ops.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> ConstrainTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ConstrainAttrs>();
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (context.shape(1).rank() != 0) return TypeError("f32[]", context.input(1).ToString());
  if (!(attrs.proximal_l1 >= 0 && attrs.keep_largest >= 0 && attrs.prune_below >= 0 && attrs.max_norm >= 0)) {
    return TypeError("attributes of 0 or more", context.attrs.text());
  }
  return std::vector<TensorType>{context.input(0)};
}

REGISTER_OP(Constrain).Inputs(2).Types(ConstrainTypes).NoGradient("part of an update").InPlace(0, 0);

}  // namespace
}  // namespace gradus
