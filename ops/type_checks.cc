#include "ops/type_checks.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {

absl::Status TypeError(absl::string_view expected, absl::string_view got) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", expected, "; got ", got));
}

absl::Status CheckFloat(const TypeContext& context) {
  for (const TensorType& input : context.inputs) {
    if (input.dtype != DType::kFloat32) return TypeError("f32", input.ToString());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> OneFloatType(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  for (const TensorType& input : context.inputs) {
    if (input != context.input(0)) {
      return TypeError(absl::StrCat("inputs of one shape, ", context.input(0).ToString()), input.ToString());
    }
  }
  return std::vector<TensorType>{context.input(0)};
}

}  // namespace gradus
