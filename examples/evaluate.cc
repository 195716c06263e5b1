// Evaluates a checkpoint: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "data/loader.h"
#include "examples/command_line.h"
#include "examples/confusion_matrix.h"
#include "examples/evaluation_data.h"
#include "examples/text_table.h"
#include "examples/trained_model.h"
#include "train/data_binding.h"
#include "train/evaluator.h"
#include "train/model_variables.h"

namespace {

constexpr char kUsage[] =
    R"(Measures a checkpoint: losses and metrics over its evaluation data, every example exactly once.

  evaluate --run_dir=runs/lenet                                 the newest checkpoint of a run
  evaluate --checkpoint=runs/lenet/checkpoints/best             the best one
  evaluate --checkpoint=... --data_dir=/data/mnist --batch_size=500
  evaluate --run_dir=runs/lenet --training_data                 how well it knows what it was trained with

A checkpoint is enough: it holds the model, the evaluation data's description and its preprocessing, and the variables.
Only the data itself is read from --data_dir, as in training. A classifier's confusion matrix is printed too.

The last line on stdout is a JSON object: step (of the checkpoint), eval_<metric>... and examples.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(bool, training_data, false, "measures over the training data instead, prepared as for evaluation");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");
ABSL_FLAG(int64_t, batch_size, 0, "examples at a time; 0: what the training file says. Changes no result but rounding");

namespace gradus {
namespace {

// The labels of a classifier: an input i32[N] that a loss or metric compares with. Empty for other models.
std::string FindLabel(const Model& model) {
  std::vector<std::string> targets;
  for (const Loss& loss : model.loss()) targets.push_back(loss.target());
  for (const Metric& metric : model.metric()) targets.push_back(metric.target());
  for (const Input& input : model.input()) {
    const bool is_label = input.dtype() == Input::INT32 && input.dims().empty();
    if (is_label && std::find(targets.begin(), targets.end(), input.name()) != targets.end()) return input.name();
  }
  return "";
}

// Counts a classifier's batch; the first output of two dimensions has the scores. Nothing happens for other models.
absl::Status Count(Evaluator* evaluator, absl::Span<const InputFeed> feeds, const std::string& label,
                   const TrainedModel& trained, const Tensor& weights, std::unique_ptr<ConfusionMatrix>* matrix) {
  const auto labels = std::find_if(feeds.begin(), feeds.end(), [&](const InputFeed& f) { return f.input == label; });
  if (labels == feeds.end()) return absl::OkStatus();
  for (const std::string& name : evaluator->outputs()) {
    GRADUS_ASSIGN_OR_RETURN(const Tensor scores, evaluator->Output(name));
    const Shape& shape = scores.shape();
    if (scores.dtype() != DType::kFloat32 || shape.rank() != 2 || shape[0] != labels->value->shape()[0]) continue;
    if (*matrix == nullptr) *matrix = std::make_unique<ConfusionMatrix>(shape[1], trained.class_names);
    return (*matrix)->Add(scores, *labels->value, weights.values<float>());
  }
  return absl::OkStatus();
}

// Every example once. The confusion matrix of a classifier, or null.
absl::StatusOr<std::unique_ptr<ConfusionMatrix>> RunBatches(const TrainedModel& trained, Loader* loader,
                                                            DataBinding* binding, Evaluator* evaluator) {
  const std::string label = FindLabel(trained.file.model.model.model());
  std::unique_ptr<ConfusionMatrix> matrix;
  GRADUS_RETURN_IF_ERROR(ForEachBatch(trained, loader, [&](const Batch& batch) -> absl::Status {
    const absl::Span<const InputFeed> feeds = binding->Feeds(batch);
    GRADUS_RETURN_IF_ERROR(evaluator->Add(feeds, batch.weights));
    return Count(evaluator, feeds, label, trained, batch.weights, &matrix);
  }));
  return matrix;
}

void Print(const TrainedModel& trained, const std::vector<std::pair<std::string, double>>& results, int64_t examples,
           const ConfusionMatrix* matrix) {
  const CheckpointState& state = trained.checkpoint.state();
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kLeft});
  table.Add({"model", absl::StrCat(trained.file.model.written.name(), ", step ", HumanCount(state.step()), " (",
                                   trained.checkpoint.folder(), ")")});
  table.Add({"data", absl::StrCat(HumanCount(examples), " examples of ", trained.data_field)});
  nlohmann::ordered_json json;
  json["step"] = state.step();
  for (const auto& [name, value] : results) {
    table.Add({name, absl::StrFormat("%.6g", value)});
    auto& number = json["eval_" + name];  // null unless finite
    if (std::isfinite(value)) number = value;
  }
  json["examples"] = examples;
  std::printf("%s\n", table.ToString().c_str());
  if (matrix != nullptr) std::printf("%s\n", matrix->ToString().c_str());
  std::printf("%s\n", json.dump().c_str());
}

absl::StatusOr<int> Evaluate(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch_size", absl::GetFlag(FLAGS_batch_size), 0));
  GRADUS_ASSIGN_OR_RETURN(TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  if (absl::GetFlag(FLAGS_training_data)) {
    trained.evaluation = trained.file.training.train_data();
    trained.data_field = "train_data";
  }
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenEvaluationData(trained, absl::GetFlag(FLAGS_data_dir), absl::GetFlag(FLAGS_batch_size)));
  GRADUS_ASSIGN_OR_RETURN(DataBinding binding, DataBinding::Make(trained.file, trained.data_field, loader->columns()));
  GRADUS_ASSIGN_OR_RETURN(const std::shared_ptr<VariableStore> variables,
                          DeclareVariables(trained, binding.input_dims()));
  SessionOptions options;
  options.threads = absl::GetFlag(FLAGS_threads);
  Session session(variables, std::move(options));
  GRADUS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Evaluator> evaluator,
      Evaluator::Create(trained.file.model.model, &session, loader->options().batch_size, binding.input_dims()));
  if (!evaluator->HasResults()) {
    return absl::FailedPreconditionError(
        absl::StrCat("model '", trained.file.model.written.name(), "' has no loss or metric to evaluate"));
  }
  GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, /*optimizer=*/false, variables.get()));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<ConfusionMatrix> matrix,
                          RunBatches(trained, loader.get(), &binding, evaluator.get()));
  Print(trained, evaluator->Results(), loader->num_examples() - loader->skipped_in_epoch(), matrix.get());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Evaluate); }
