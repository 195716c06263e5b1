// `init_from` of a training file: first weights from elsewhere, for fine-tuning.
#ifndef GRADUS_TRAIN_INIT_FROM_H_
#define GRADUS_TRAIN_INIT_FROM_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "graph/variables.h"
#include "proto/train.pb.h"
#include "train/training_file.h"

namespace gradus {

// Sets variables as each init_from says, in their order. Each mapping is told to `print` ("conv1/weights <-
// features.0.weight f32[20, 1, 5, 5]"). Strict unless the file says otherwise; a mistake in one init_from leaves the
// variables as the one before it left them.
absl::Status InitializeFrom(const TrainingFile& file, VariableStore* variables,
                            const std::function<void(const std::string&)>& print);

// One of them without a training file: sets variables to what `path` has.
absl::Status InitializeFrom(const InitFrom& init, const std::string& path, VariableStore* variables,
                            const std::function<void(const std::string&)>& print);

}  // namespace gradus

#endif  // GRADUS_TRAIN_INIT_FROM_H_
