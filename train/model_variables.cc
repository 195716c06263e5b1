#include "train/model_variables.h"

#include <memory>
#include <utility>

#include "core/status_macros.h"

namespace gradus {
namespace {

// Of any scope: the state that training carries from batch to batch, too.
bool InOptimizer(const Variable& variable) { return variable.role == Role::kSlot; }

std::vector<NamedType> Types(const VariableStore& variables, bool (*wanted)(const Variable&)) {
  std::vector<NamedType> types;
  for (int i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables.variable(i);
    if (wanted(variable)) types.push_back({variable.name, variable.type});
  }
  return types;
}

// Tensors that are read from the store one at a time, when the writer comes to them.
std::vector<TensorToWrite> Tensors(VariableStore* variables, bool (*wanted)(const Variable&)) {
  auto held = std::make_shared<Tensor>();
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < variables->size(); ++i) {
    const Variable& variable = variables->variable(i);
    if (!wanted(variable)) continue;
    tensors.push_back(
        {variable.name, variable.type, [variables, i, held]() -> absl::StatusOr<absl::Span<const uint8_t>> {
           GRADUS_ASSIGN_OR_RETURN(*held, variables->Get(i));
           return absl::MakeConstSpan(held->data(), static_cast<size_t>(held->bytes()));
         }});
  }
  return tensors;
}

}  // namespace

bool InModel(const Variable& variable) {
  return variable.scope == Scope::kModel && (variable.role == Role::kParameter || variable.role == Role::kState);
}

std::vector<TensorToWrite> ModelTensors(VariableStore* variables) { return Tensors(variables, InModel); }

std::vector<TensorToWrite> OptimizerTensors(VariableStore* variables) { return Tensors(variables, InOptimizer); }

absl::Status RestoreVariables(const Checkpoint& checkpoint, bool optimizer, VariableStore* variables) {
  GRADUS_RETURN_IF_ERROR(CheckHolds(checkpoint.model(), Types(*variables, InModel)));
  if (optimizer) GRADUS_RETURN_IF_ERROR(CheckHolds(checkpoint.optimizer(), Types(*variables, InOptimizer)));
  for (int i = 0; i < variables->size(); ++i) {
    const Variable& variable = variables->variable(i);
    if (InModel(variable)) {
      GRADUS_ASSIGN_OR_RETURN(Tensor value, checkpoint.ReadModel(variable.name));
      GRADUS_RETURN_IF_ERROR(variables->Set(i, value));
    } else if (optimizer && InOptimizer(variable)) {
      GRADUS_ASSIGN_OR_RETURN(Tensor value, checkpoint.ReadOptimizer(variable.name));
      GRADUS_RETURN_IF_ERROR(variables->Set(i, value));
    }
  }
  return absl::OkStatus();
}

}  // namespace gradus
