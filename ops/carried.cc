// The layers Fill, Carried and CarryOn: values that no layer before them has made in this step.
#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// The batch of the one input, and `dims`, or the input's where there are none.
template <typename Config>
absl::StatusOr<Shape> ShapeLikeInput(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const Shape& input = context.shape(context.input(0));
  const auto& dims = context.config<Config>().dims();
  if (dims.empty()) return input;
  if (input.rank() == 0) {
    return context.Error("", "takes the batch's size from its input, which is a single number for all examples");
  }
  Dims all{input[0]};
  all.insert(all.end(), dims.begin(), dims.end());
  absl::StatusOr<Shape> shape = Shape::Make(all);
  if (!shape.ok()) return context.Error("dims", absl::StrCat("dims: ", shape.status().message()));
  return shape;
}

absl::StatusOr<Value> LowerFill(LayerContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const Shape shape, ShapeLikeInput<Fill>(context));
  const double value = context.config<Fill>().value();
  if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
    return context.Error(
        "value", absl::StrCat("value is ", value, "; it must be a number from ", std::numeric_limits<float>::lowest(),
                              " to ", std::numeric_limits<float>::max()));
  }
  return context.Call("Fill", {}, FillAttrs{{DType::kFloat32, shape}, value});
}

absl::StatusOr<Value> LowerCarried(LayerContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const Shape shape, ShapeLikeInput<Carried>(context));
  return context.Carried("state", shape);
}

// The node that writes a variable, or null.
const Node* AssignOf(const Graph& graph, int variable) {
  for (const Node& node : graph.nodes()) {
    if (node.op->name() == "Assign" && node.attrs.as<VariableAttrs>().variable == variable) return &node;
  }
  return nullptr;
}

absl::StatusOr<Value> LowerCarryOn(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  const Value carried = context.input(0), next = context.input(1);
  const int variable = context.graph().variable_of(carried.node);
  if (variable < 0 || context.graph().variables()[variable].scope != Scope::kPlan) {
    return context.Error("",
                         "the first input has to be a layer `carried {}`, the second what the next batch finds there");
  }
  if (context.type(carried) != context.type(next)) {
    return context.Error("", absl::StrCat("what is carried is ", context.type(carried).ToString(),
                                          ", but the second input is ", context.type(next).ToString()));
  }
  if (const Node* earlier = AssignOf(context.graph(), variable); earlier != nullptr) {
    const Node& value = context.graph().node(earlier->inputs[0].node);
    return context.Error("", absl::StrCat("the first input is already carried on, as '", value.name, "' of ",
                                          value.where.ToString(), "; a layer `carried {}` is carried on once"));
  }
  GRADUS_RETURN_IF_ERROR(context.Commit(carried, next));
  return next;
}

REGISTER_LAYER(Fill, "gradus.Fill", LowerFill);
REGISTER_LAYER(Carried, "gradus.Carried", LowerCarried);
REGISTER_LAYER(CarryOn, "gradus.CarryOn", LowerCarryOn);

}  // namespace
}  // namespace gradus
