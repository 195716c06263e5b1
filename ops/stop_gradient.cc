// The identity, through which no gradient flows.
//
//   StopGradient (x) -> y of x's type, y = x
#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/op.h"

namespace gradus {
namespace {

absl::StatusOr<Value> LowerStopGradient(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  return context.Call("StopGradient", {context.input(0)});
}

REGISTER_OP(StopGradient).Inputs(1).Types(SameAsInput).NoGradient("it stops gradients").View(0, 0);
REGISTER_LAYER(StopGradient, "gradus.StopGradient", LowerStopGradient);

}  // namespace
}  // namespace gradus
