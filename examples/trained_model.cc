#include "examples/trained_model.h"

#include <cstdio>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "core/text_proto.h"
#include "examples/command_line.h"
#include "graph/lower.h"
#include "proto/checkpoint.pb.h"

namespace gradus {
namespace {

absl::StatusOr<Checkpoint> OpenGiven(absl::string_view checkpoint, absl::string_view run_dir) {
  if (checkpoint.empty() == run_dir.empty()) {
    return WrongFlags(checkpoint.empty() ? "--checkpoint or --run_dir is missing"
                                         : "--checkpoint and --run_dir are both given; give one of them");
  }
  std::vector<std::string> skipped;
  absl::StatusOr<Checkpoint> opened =
      OpenCheckpointOrRun(UserPath(checkpoint.empty() ? run_dir : checkpoint), &skipped);
  for (const std::string& message : skipped) std::fprintf(stderr, "skipped: %s\n", message.c_str());
  return opened;
}

}  // namespace

absl::StatusOr<TrainedModel> OpenTrainedModel(absl::string_view checkpoint, absl::string_view run_dir) {
  GRADUS_ASSIGN_OR_RETURN(Checkpoint opened, OpenGiven(checkpoint, run_dir));
  const CheckpointState state = opened.state();
  const std::string place = JoinPath(opened.folder(), "state.textproto");
  GRADUS_ASSIGN_OR_RETURN(TrainingFile file,
                          LoadTrainingText(state.training(), absl::StrCat(place, " (training)"), state.expanded_model(),
                                           absl::StrCat(place, " (expanded_model)"), {}));
  DataStream evaluation;
  const absl::StatusOr<SourceMap> source =
      ParseText(state.evaluation_preprocessing(), absl::StrCat(place, " (evaluation_preprocessing)"), &evaluation);
  if (!source.ok()) return source.status();
  const std::string field = file.training.has_eval_data() ? "eval_data" : "train_data";
  return TrainedModel{std::move(opened),
                      std::move(file),
                      std::move(evaluation),
                      field,
                      {state.class_name().begin(), state.class_name().end()}};
}

absl::StatusOr<Tensor> ReadVariable(const Checkpoint& checkpoint, const std::string& name) {
  if (checkpoint.model().Find(name) != nullptr) return checkpoint.ReadModel(name);
  std::vector<std::string> names;
  for (const StoredTensor& tensor : checkpoint.model().tensors()) names.push_back(tensor.name);
  return absl::NotFoundError(absl::StrCat("the model has no variable '", name, "'", Suggestion(name, names)));
}

absl::StatusOr<std::shared_ptr<VariableStore>> DeclareVariables(const TrainedModel& trained,
                                                                const InputDims& input_dims) {
  auto variables = std::make_shared<VariableStore>(trained.file.training.seed());
  for (Mode mode : {Mode::kTrain, Mode::kEvaluate}) {
    LowerOptions options;
    options.mode = mode;
    options.batch = trained.file.training.batch_size();
    options.input_dims = input_dims;
    GRADUS_ASSIGN_OR_RETURN(const Network network, Lower(trained.file.model.model, options));
    for (const Variable& variable : network.graph.variables()) {
      if (trained.checkpoint.model().Find(variable.name) == nullptr) continue;
      GRADUS_RETURN_IF_ERROR(variables->Declare(variable).status());
    }
  }
  return variables;
}

}  // namespace gradus
