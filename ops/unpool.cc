// Unpooling: max pooling's own MaxPoolBackward, forwards, at the places that a pooling of the same network found.
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/pool.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// Plans that only infer make no switches unless a pooling is told to; that one then stands beside the network's own.
absl::StatusOr<Value> KeptSwitches(LayerContext& context, const Node& pool, Value switches) {
  if (context.training()) return switches;
  MaxPoolAttrs attrs = pool.attrs.as<MaxPoolAttrs>();
  attrs.keep_switches = true;
  GRADUS_ASSIGN_OR_RETURN(const Value again, context.Call("MaxPool", pool.inputs, attrs, "switches"));
  return Value{again.node, 1};
}

absl::StatusOr<Value> LowerUnpool(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  const Value x = context.input(0), named = context.input(1);
  const Node& pool = context.graph().node(named);
  if (pool.op->name() != "MaxPool" || named.output != 1) {
    return context.Error("", "the second input must be the switches of a max pooling, like 'pool1.switches'");
  }
  if (context.type(x) != pool.outputs[0]) {
    return context.Error("", absl::StrCat("x is ", context.type(x).ToString(), "; expected ",
                                          pool.outputs[0].ToString(), ", what the pooling gave"));
  }
  const MaxPoolBackwardAttrs attrs = {pool.attrs.as<MaxPoolAttrs>().window, context.shape(pool.inputs[0])};
  GRADUS_ASSIGN_OR_RETURN(const Value switches, KeptSwitches(context, pool, named));
  return context.graph().Add(
      {"MaxPoolBackward", context.name(), {x, switches}, attrs, context.where(), Stage::kCompute, switches.node});
}

REGISTER_LAYER(Unpool, "gradus.Unpool", LowerUnpool);

}  // namespace
}  // namespace gradus
