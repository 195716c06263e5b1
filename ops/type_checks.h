// What type functions of many operations check, with messages of one form: "expected ...; got ...".
#ifndef GRADUS_OPS_TYPE_CHECKS_H_
#define GRADUS_OPS_TYPE_CHECKS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/op.h"

namespace gradus {

// "expected <expected>; got <got>".
absl::Status TypeError(absl::string_view expected, absl::string_view got);

// An error unless all inputs are f32.
absl::Status CheckFloat(const TypeContext& context);

// Types of an operation whose inputs and only output are f32 of one shape.
absl::StatusOr<std::vector<TensorType>> OneFloatType(const TypeContext& context);

}  // namespace gradus

#endif  // GRADUS_OPS_TYPE_CHECKS_H_
