// A checkpoint as a model to use. All comes from the checkpoint alone: the model, the training file, where examples
// come from and how they are prepared, the classes' names and the variables.
//
//   GRADUS_ASSIGN_OR_RETURN(TrainedModel trained, OpenTrainedModel(checkpoint, run_dir));
//   GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<VariableStore> variables, DeclareVariables(trained));
//   ... compile plans over `variables` ...
//   GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, false, variables.get()));
#ifndef GRADUS_EXAMPLES_TRAINED_MODEL_H_
#define GRADUS_EXAMPLES_TRAINED_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "core/tensor.h"
#include "graph/variables.h"
#include "proto/data.pb.h"
#include "train/checkpoint.h"
#include "train/training_file.h"

namespace gradus {

using InputDims = absl::flat_hash_map<std::string, Shape>;

struct TrainedModel {
  Checkpoint checkpoint;
  TrainingFile file;       // the training and the expanded model; places cite the checkpoint
  DataStream evaluation;   // examples as they are prepared for evaluation and inference
  std::string data_field;  // of the training file: which stream `evaluation` is
  std::vector<std::string> class_names;
};

// Opens the checkpoint that the flags --checkpoint and --run_dir name: exactly one of them is given, else WrongFlags.
// Of a run it is the newest whole checkpoint; damaged ones are told on stderr.
absl::StatusOr<TrainedModel> OpenTrainedModel(absl::string_view checkpoint, absl::string_view run_dir);

// A variable that a checkpoint's model file has. NotFound with the nearest name.
absl::StatusOr<Tensor> ReadVariable(const Checkpoint& checkpoint, const std::string& name);

// A store that knows the variables of the checkpoint as the model declares them, also those that only training needs,
// so that RestoreVariables finds neither too few nor too many. `input_dims`: one example's dimensions of inputs that
// have free ones.
absl::StatusOr<std::shared_ptr<VariableStore>> DeclareVariables(const TrainedModel& trained,
                                                                const InputDims& input_dims = {});

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_TRAINED_MODEL_H_
