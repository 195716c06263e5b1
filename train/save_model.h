// The weights of a model as a safetensors file, for programs that keep no checkpoints.
#ifndef GRADUS_TRAIN_SAVE_MODEL_H_
#define GRADUS_TRAIN_SAVE_MODEL_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "graph/variables.h"

namespace gradus {

// Writes parameters and states (running statistics) under their names in the model, in plain layouts; the file appears
// complete or not at all. `init_from` of a training file and LoadWeights read it, and so does any safetensors reader.
absl::Status SaveWeights(VariableStore* variables, absl::string_view path);

// Sets parameters and states to a file's. FailedPrecondition, and nothing changes, when it is of another model: lists
// what is missing, extra, or of another shape.
absl::Status LoadWeights(absl::string_view path, VariableStore* variables);

}  // namespace gradus

#endif  // GRADUS_TRAIN_SAVE_MODEL_H_
