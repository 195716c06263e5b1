#include "train/save_model.h"

#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "train/model_variables.h"
#include "train/safetensors.h"

namespace gradus {

absl::Status SaveWeights(VariableStore* variables, absl::string_view path) {
  return WriteSafetensors(path, ModelTensors(variables)).status();
}

absl::Status LoadWeights(absl::string_view path, VariableStore* variables) {
  GRADUS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
  std::vector<NamedType> types;
  for (const TensorToWrite& tensor : ModelTensors(variables)) types.push_back({tensor.name, tensor.type});
  GRADUS_RETURN_IF_ERROR(CheckHolds(file, types));
  for (const NamedType& type : types) {
    GRADUS_ASSIGN_OR_RETURN(Tensor value, file.Read(*file.Find(type.name)));
    GRADUS_RETURN_IF_ERROR(variables->Set(variables->Find(type.name), value));
  }
  return absl::OkStatus();
}

}  // namespace gradus
