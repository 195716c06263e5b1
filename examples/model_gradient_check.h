// Whether all gradients of a model are right: its training loss by every parameter, against differences in float64.
// Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_MODEL_GRADIENT_CHECK_H_
#define GRADUS_EXAMPLES_MODEL_GRADIENT_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/gradient_check.h"
#include "graph/load_model.h"

namespace gradus {

struct ModelGradientOptions {
  int64_t batch = 2;
  absl::flat_hash_map<std::string, Shape> input_dims;  // one example's, of inputs that have free (-1) dimensions
  GradientCheckOptions check;
};

// Feeds random numbers: images uniform in (0, 1), labels among the classes of the loss that they are a target of.
// Parameters are at their first values. All of it is a function of check.seed. FailedPrecondition for a model without a
// loss or without a parameter.
absl::StatusOr<GradientReport> CheckModelGradients(const LoadedModel& model, const ModelGradientOptions& options);

// A line for each parameter, and one that names the worst.
std::string GradientTable(const GradientReport& report);

// An error that lists every parameter whose gradient is wrong, or could not be compared anywhere.
absl::Status JudgeGradients(const GradientReport& report);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_MODEL_GRADIENT_CHECK_H_
