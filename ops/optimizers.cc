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

// w, g, two f32 scalars, then `slots` tensors of w's type; the outputs are w and the slots.
absl::StatusOr<std::vector<TensorType>> SlotsLastTypes(const TypeContext& context, int slots) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (static_cast<int>(context.inputs.size()) != 4 + slots) {
    return TypeError(absl::StrCat(4 + slots, " inputs"), absl::StrCat(context.inputs.size()));
  }
  for (int i = 1; i < 4 + slots; ++i) {
    const bool scalar = i == 2 || i == 3;
    if (scalar && context.shape(i).rank() != 0) return TypeError("f32[]", context.input(i).ToString());
    if (!scalar && context.input(i) != context.input(0)) {
      return TypeError(context.input(0).ToString(), context.input(i).ToString());
    }
  }
  return std::vector<TensorType>(1 + slots, context.input(0));
}

absl::StatusOr<std::vector<TensorType>> AdaGradTypes(const TypeContext& context) { return SlotsLastTypes(context, 1); }
absl::StatusOr<std::vector<TensorType>> RmsPropTypes(const TypeContext& context) {
  return SlotsLastTypes(context, context.attrs.as<RmsPropAttrs>().slots());
}
absl::StatusOr<std::vector<TensorType>> AdaDeltaTypes(const TypeContext& context) { return SlotsLastTypes(context, 2); }

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
                                Attrs attrs, bool slots_last = false) {
  const Node& parameter = context.graph->node(context.parameter);
  std::vector<Value> inputs = {context.parameter, context.gradient, context.learning_rate, context.gradient_scale};
  inputs.insert(slots_last ? inputs.end() : inputs.begin() + 2, slots.begin(), slots.end());
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

// Of Adam and AdamW.
template <typename Config>
absl::StatusOr<Value> AddAdamUpdate(const OptimizerContext& context, bool decoupled) {
  const auto& adam = static_cast<const Config&>(context.config);
  GRADUS_ASSIGN_OR_RETURN(Value mean, AddSlot(context, "adam_m"));
  GRADUS_ASSIGN_OR_RETURN(Value variance, AddSlot(context, "adam_v"));
  return AddUpdate(context, "AdamUpdate", {mean, variance},
                   AdamAttrs{Decay(context), adam.beta1(), adam.beta2(), adam.epsilon(), decoupled});
}

absl::StatusOr<Value> AddAdam(const OptimizerContext& context) {
  return AddAdamUpdate<Optimizer::Adam>(context, /*decoupled=*/false);
}

absl::StatusOr<Value> AddAdamW(const OptimizerContext& context) {
  return AddAdamUpdate<Optimizer::AdamW>(context, /*decoupled=*/true);
}

absl::StatusOr<Value> AddAdaGrad(const OptimizerContext& context) {
  const auto& adagrad = static_cast<const Optimizer::AdaGrad&>(context.config);
  GRADUS_ASSIGN_OR_RETURN(Value squares, AddSlot(context, "squares"));
  return AddUpdate(context, "AdaGradUpdate", {squares}, AdaGradAttrs{Decay(context), adagrad.epsilon()},
                   /*slots_last=*/true);
}

absl::StatusOr<Value> AddRmsProp(const OptimizerContext& context) {
  const auto& rmsprop = static_cast<const Optimizer::RmsProp&>(context.config);
  std::vector<std::string> names = {"squares"};
  if (rmsprop.centered()) names.push_back("mean");
  if (rmsprop.momentum() > 0) names.push_back("momentum");
  std::vector<Value> slots;
  for (const std::string& name : names) {
    GRADUS_ASSIGN_OR_RETURN(Value slot, AddSlot(context, name));
    slots.push_back(slot);
  }
  return AddUpdate(
      context, "RmsPropUpdate", slots,
      RmsPropAttrs{Decay(context), rmsprop.decay(), rmsprop.epsilon(), rmsprop.momentum(), rmsprop.centered()},
      /*slots_last=*/true);
}

absl::StatusOr<Value> AddAdaDelta(const OptimizerContext& context) {
  const auto& adadelta = static_cast<const Optimizer::AdaDelta&>(context.config);
  GRADUS_ASSIGN_OR_RETURN(Value squares, AddSlot(context, "squares"));
  GRADUS_ASSIGN_OR_RETURN(Value steps, AddSlot(context, "squared_steps"));
  return AddUpdate(context, "AdaDeltaUpdate", {squares, steps},
                   AdaDeltaAttrs{Decay(context), adadelta.decay(), adadelta.epsilon()}, /*slots_last=*/true);
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
REGISTER_OP(AdaGradUpdate).Inputs(5).Types(AdaGradTypes).NoGradient("part of an update").InPlace(0, 0).InPlace(4, 1);
REGISTER_OP(RmsPropUpdate)
    .Inputs(5, 7)
    .Types(RmsPropTypes)
    .NoGradient("part of an update")
    .InPlace(0, 0)
    .InPlace(4, 1)
    .InPlace(5, 2)
    .InPlace(6, 3);
REGISTER_OP(AdaDeltaUpdate)
    .Inputs(6)
    .Types(AdaDeltaTypes)
    .NoGradient("part of an update")
    .InPlace(0, 0)
    .InPlace(4, 1)
    .InPlace(5, 2);
REGISTER_OP(SquaredNorm).Inputs(1, kAnyNumber).Types(SquaredNormTypes).NoGradient("looked at by the host");
REGISTER_OP(ClipScale).Inputs(1).Types(ClipScaleTypes).NoGradient("part of an update");

REGISTER_OPTIMIZER(Sgd, "gradus.Optimizer.Sgd", AddSgd);
REGISTER_OPTIMIZER(Adam, "gradus.Optimizer.Adam", AddAdam);
REGISTER_OPTIMIZER(AdamW, "gradus.Optimizer.AdamW", AddAdamW);
REGISTER_OPTIMIZER(AdaGrad, "gradus.Optimizer.AdaGrad", AddAdaGrad);
REGISTER_OPTIMIZER(RmsProp, "gradus.Optimizer.RmsProp", AddRmsProp);
REGISTER_OPTIMIZER(AdaDelta, "gradus.Optimizer.AdaDelta", AddAdaDelta);

}  // namespace gradus
