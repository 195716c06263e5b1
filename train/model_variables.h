// Variables of a store, to and from checkpoints.
#ifndef GRADUS_TRAIN_MODEL_VARIABLES_H_
#define GRADUS_TRAIN_MODEL_VARIABLES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "graph/variables.h"
#include "train/checkpoint.h"
#include "train/safetensors.h"

namespace gradus {

// Whether a variable belongs to the model (parameters and state, such as running statistics), not to its training.
bool InModel(const Variable& variable);

// What model.safetensors holds (parameters and state), or optimizer.safetensors (slots, carried state). The store must
// outlive the writing, and no step may run meanwhile.
std::vector<TensorToWrite> ModelTensors(VariableStore* variables);
std::vector<TensorToWrite> OptimizerTensors(VariableStore* variables);

// Sets all parameters and states (and slots, with `optimizer`) to a checkpoint's. FailedPrecondition when it is of
// another model: lists what is missing, extra, or of another shape, with both shapes. Then nothing has changed.
absl::Status RestoreVariables(const Checkpoint& checkpoint, bool optimizer, VariableStore* variables);

}  // namespace gradus

#endif  // GRADUS_TRAIN_MODEL_VARIABLES_H_
