// Variables of a store, to and from checkpoints and other safetensors files.
#ifndef GRADUS_TRAIN_MODEL_VARIABLES_H_
#define GRADUS_TRAIN_MODEL_VARIABLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/source_map.h"
#include "graph/variables.h"
#include "proto/train.pb.h"
#include "train/checkpoint.h"
#include "train/safetensors.h"

namespace gradus {

// What model.safetensors holds (parameters and state), or optimizer.safetensors (slots). The store must outlive the
// writing, and no step may run meanwhile.
std::vector<TensorToWrite> ModelTensors(VariableStore* variables);
std::vector<TensorToWrite> OptimizerTensors(VariableStore* variables);

// Sets all parameters and states (and slots, with `optimizer`) to a checkpoint's. FailedPrecondition when it is of another
// model: lists what is missing, extra, or of another shape, with both shapes. Then nothing has changed.
absl::Status RestoreVariables(const Checkpoint& checkpoint, bool optimizer, VariableStore* variables);

// `init_from` of a training file, in order. `folder` is what relative paths start from. Each mapping is told to `print`
// ("conv1/weights <- features.0.weight f32[20, 1, 5, 5]"). Strict unless the file says otherwise.
absl::Status InitializeFrom(const Training& training, const SourceMap& source, const std::string& folder,
                            VariableStore* variables, const std::function<void(const std::string&)>& print);

}  // namespace gradus

#endif  // GRADUS_TRAIN_MODEL_VARIABLES_H_
