// How large the gradient of each trained parameter is: what vanishes on its way back through a deep network, and what
// does not.
#ifndef GRADUS_EXAMPLES_GRADIENT_NORMS_H_
#define GRADUS_EXAMPLES_GRADIENT_NORMS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "train/feed.h"
#include "train/learner.h"
#include "train/training_file.h"

namespace gradus {

struct GradientNorm {
  std::string parameter;
  int64_t elements;
  double norm;  // L2, of the gradient of the training loss of one batch
  double rms() const;
};

// Of every trained parameter, in the order of the graph, at the first values (or those of the file's init_from), for
// one batch. `feeds`: with file.training.batch_size() as their leading dimension. `stages`: as of InitializeFrom. Not
// thread-safe.
absl::StatusOr<std::vector<GradientNorm>> MeasureGradients(const TrainingFile& file, const LearnerOptions& options,
                                                           absl::Span<const InputFeed> feeds,
                                                           const std::string& stages);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_GRADIENT_NORMS_H_
