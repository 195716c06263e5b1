#include "ops/optimizers.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/optimizer.h"
#include "graph/step_ops.h"
#include "ops/type_checks.h"
#include "proto/train.pb.h"

namespace gradus {
namespace {

// Inputs 0 to `tensors` - 1 of one f32 type, then two f32 scalars; the outputs are those inputs but the gradient.
absl::StatusOr<std::vector<TensorType>> UpdateTypes(const TypeContext& context, int tensors) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  for (int i = 1; i < tensors; ++i) {
    if (context.input(i) != context.input(0)) {
      return TypeError(context.input(0).ToString(), context.input(i).ToString());
    }
  }
  for (int i = tensors; i < tensors + 2; ++i) {
    if (context.shape(i).rank() != 0) return TypeError("f32[]", context.input(i).ToString());
  }
  return std::vector<TensorType>(tensors - 1, context.input(0));
}

absl::StatusOr<std::vector<TensorType>> SgdTypes(const TypeContext& context) { return UpdateTypes(context, 2); }
absl::StatusOr<std::vector<TensorType>> MomentumTypes(const TypeContext& context) { return UpdateTypes(context, 3); }
absl::StatusOr<std::vector<TensorType>> AdamTypes(const TypeContext& context) { return UpdateTypes(context, 4); }

absl::StatusOr<std::vector<TensorType>> SquaredNormTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  return std::vector<TensorType>{{DType::kFloat32, {}}};
}

absl::StatusOr<std::vector<TensorType>> ClipScaleTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (context.shape(0).rank() != 0) return TypeError("f32[]", context.input(0).ToString());
  return std::vector<TensorType>{context.input(0)};
}

DecayAttrs Decay(const OptimizerContext& context) {
  return {context.learning_rate_scale, context.weight_decay, context.weight_decay_l1};
}

absl::StatusOr<Value> AddSlot(const OptimizerContext& context, absl::string_view suffix) {
  const Node& parameter = context.graph->node(context.parameter);
  Variable slot;
  slot.name = absl::StrCat(parameter.name, "/", suffix);
  slot.type = parameter.outputs[0];
  slot.role = Role::kSlot;
  slot.where = parameter.where;
  return context.graph->AddVariable(std::move(slot));
}

// Adds the update and writes its further outputs to the slots; the parameter's new value.
absl::StatusOr<Value> AddUpdate(const OptimizerContext& context, absl::string_view op, const std::vector<Value>& slots,
                       Attrs attrs) {
  const Node& parameter = context.graph->node(context.parameter);
  std::vector<Value> inputs = {context.parameter, context.gradient};
  inputs.insert(inputs.end(), slots.begin(), slots.end());
  inputs.push_back(context.learning_rate);
  inputs.push_back(context.gradient_scale);
  GRADUS_ASSIGN_OR_RETURN(Value update, context.graph->Add({op, absl::StrCat(parameter.name, "/update"), inputs,
                                                            std::move(attrs), parameter.where, Stage::kUpdate, -1}));
  for (size_t i = 0; i < slots.size(); ++i) {
    GRADUS_RETURN_IF_ERROR(
        context.graph->Assign(slots[i], Value{update.node, static_cast<int>(i) + 1}, Stage::kUpdate));
  }
  return update;
}

absl::StatusOr<Value> AddSgd(const OptimizerContext& context) {
  const auto& sgd = static_cast<const Optimizer::Sgd&>(context.config);
  const SgdAttrs attrs{Decay(context), sgd.momentum(), sgd.nesterov()};
  if (sgd.momentum() == 0) return AddUpdate(context, "SgdUpdate", {}, attrs);
  GRADUS_ASSIGN_OR_RETURN(Value velocity, AddSlot(context, "momentum"));
  return AddUpdate(context, "MomentumUpdate", {velocity}, attrs);
}

absl::StatusOr<Value> AddAdam(const OptimizerContext& context) {
  const auto& adam = static_cast<const Optimizer::Adam&>(context.config);
  GRADUS_ASSIGN_OR_RETURN(Value mean, AddSlot(context, "adam_m"));
  GRADUS_ASSIGN_OR_RETURN(Value variance, AddSlot(context, "adam_v"));
  return AddUpdate(context, "AdamUpdate", {mean, variance},
                   AdamAttrs{Decay(context), adam.beta1(), adam.beta2(), adam.epsilon()});
}

}  // namespace

REGISTER_OP(SgdUpdate).Inputs(4).Types(SgdTypes).NoGradient("part of an update").InPlace(0, 0);
REGISTER_OP(MomentumUpdate).Inputs(5).Types(MomentumTypes).NoGradient("part of an update").InPlace(0, 0).InPlace(2, 1);
REGISTER_OP(AdamUpdate)
    .Inputs(6)
    .Types(AdamTypes)
    .NoGradient("part of an update")
    .InPlace(0, 0)
    .InPlace(2, 1)
    .InPlace(3, 2);
REGISTER_OP(SquaredNorm).Inputs(1, kAnyNumber).Types(SquaredNormTypes).NoGradient("looked at by the host");
REGISTER_OP(ClipScale).Inputs(1).Types(ClipScaleTypes).NoGradient("part of an update");

REGISTER_OPTIMIZER(Sgd, "gradus.Optimizer.Sgd", AddSgd);
REGISTER_OPTIMIZER(Adam, "gradus.Optimizer.Adam", AddAdam);

}  // namespace gradus
