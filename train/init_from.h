// `init_from` of a training file: first weights from elsewhere, for fine-tuning.
#ifndef GRADUS_TRAIN_INIT_FROM_H_
#define GRADUS_TRAIN_INIT_FROM_H_

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "core/shape.h"
#include "graph/variables.h"
#include "proto/train.pb.h"
#include "train/training_file.h"

namespace gradus {

// Sets variables as each init_from says, in their order. `stages`: the folder of the run's stages, where `stage` names
// one (train/stages.h). Each mapping is told to `print` ("conv1/weights <- features.0.weight f32[20, 1, 5, 5]"). Strict
// unless the file says otherwise; a mistake in one init_from leaves the variables as the one before it left them.
absl::Status InitializeFrom(const TrainingFile& file, const std::string& stages, VariableStore* variables,
                            const std::function<void(const std::string&)>& print);

// The variables of a model by name: what a checkpoint of it has.
using VariableTypes = std::map<std::string, TensorType>;
VariableTypes ModelTypes(const VariableStore& variables);

// All mistakes that InitializeFrom would find before it reads values; sets nothing. `planned`: the stages, by name,
// that will be trained before this one but have not been, so that nothing of them is in `stages` yet.
absl::Status CheckInitFrom(const TrainingFile& file, const std::string& stages,
                           const std::map<std::string, VariableTypes>& planned, VariableStore* variables);

// One of them without a training file: sets variables to what `path` has.
absl::Status InitializeFrom(const InitFrom& init, const std::string& path, VariableStore* variables,
                            const std::function<void(const std::string&)>& print);

}  // namespace gradus

#endif  // GRADUS_TRAIN_INIT_FROM_H_
