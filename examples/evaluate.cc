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

// A loss or metric that says what is taken for what: it compares scores with labels, an input i32[N].
struct Comparison {
  std::string scores, label;
  std::string mask;                  // what leaves examples out; empty: nothing
  bool several = true, two = false;  // whether scores may be f32[N, classes], or one number of which the sign counts
  double threshold = 0;              // of two classes: what is above is class 1
};

template <typename Term>
Comparison ComparisonOf(const Term& term) {
  return {term.input_size() > 0 ? term.input(0) : "", term.target(), term.mask()};
}

// Metrics come first: they know the threshold.
std::vector<Comparison> FindComparisons(const Model& model) {
  std::vector<Comparison> all;
  for (const Metric& metric : model.metric()) {
    all.push_back(ComparisonOf(metric));
    all.back().two = metric.has_binary_accuracy();
    all.back().several = !all.back().two;
    if (all.back().two) all.back().threshold = metric.binary_accuracy().threshold();
  }
  for (const Loss& loss : model.loss()) {
    all.push_back(ComparisonOf(loss));
    all.back().two = loss.has_binary_cross_entropy() || loss.has_hinge() || loss.has_perceptron() || loss.has_focal();
    // Where vectors are compared with each other a label is no class of theirs.
    all.back().several = !loss.has_binary_cross_entropy() && !loss.has_contrastive() && !loss.has_triplet();
  }
  const auto has_labels = [&model](const Comparison& comparison) {
    return std::any_of(model.input().begin(), model.input().end(), [&comparison](const Input& input) {
      return input.name() == comparison.label && input.dtype() == Input::INT32 && input.dims().empty();
    });
  };
  all.erase(std::remove_if(all.begin(), all.end(), [&](const Comparison& c) { return !has_labels(c); }), all.end());
  return all;
}

const Tensor* FindFeed(absl::Span<const InputFeed> feeds, const std::string& name) {
  const auto found = std::find_if(feeds.begin(), feeds.end(), [&](const InputFeed& f) { return f.input == name; });
  return found == feeds.end() ? nullptr : found->value;
}

// Counts what a classifier takes for what, batch by batch.
class Confusions {
 public:
  explicit Confusions(const TrainedModel& trained)
      : trained_(trained), comparisons_(FindComparisons(trained.file.model.model.model())) {}

  // A batch that the evaluator was given. Nothing happens where no output has scores of classes.
  absl::Status Add(Evaluator* evaluator, absl::Span<const InputFeed> feeds, const Tensor& weights) {
    for (const Comparison& comparison : comparisons_) {
      const Tensor* labels = FindFeed(feeds, comparison.label);
      if (labels == nullptr) continue;
      for (const std::string& name : evaluator->outputs()) {
        GRADUS_ASSIGN_OR_RETURN(const Tensor scores, evaluator->Output(name));
        const int64_t n = labels->shape()[0];
        if (scores.dtype() != DType::kFloat32 || scores.shape().rank() < 1 || scores.shape()[0] != n) continue;
        if (comparison.several && scores.shape().rank() == 2 && scores.shape()[1] > 1) {
          return Count(scores, *labels, Weights(comparison, feeds, weights));
        }
        if (comparison.two && name == comparison.scores && scores.shape().num_elements() == n) {
          return CountTwo(scores, *labels, comparison.threshold, Weights(comparison, feeds, weights));
        }
      }
    }
    return absl::OkStatus();
  }

  // Null when nothing was counted.
  const ConfusionMatrix* matrix() const { return matrix_.get(); }

 private:
  // 0 as well for examples that a mask leaves out.
  static std::vector<float> Weights(const Comparison& comparison, absl::Span<const InputFeed> feeds,
                                    const Tensor& weights) {
    std::vector<float> result(weights.values<float>().begin(), weights.values<float>().end());
    const Tensor* mask = comparison.mask.empty() ? nullptr : FindFeed(feeds, comparison.mask);
    if (mask == nullptr || mask->shape().num_elements() != weights.shape().num_elements()) return result;
    for (size_t i = 0; i < result.size(); ++i) {
      const bool counts =
          mask->dtype() == DType::kInt32 ? mask->values<int32_t>()[i] != 0 : mask->values<float>()[i] != 0;
      if (!counts) result[i] = 0;
    }
    return result;
  }

  absl::Status Count(const Tensor& scores, const Tensor& labels, absl::Span<const float> weights) {
    if (matrix_ == nullptr) matrix_ = std::make_unique<ConfusionMatrix>(scores.shape()[1], trained_.class_names);
    return matrix_->Add(scores, labels, weights);
  }

  // Class 1 has the score, class 0 the threshold.
  absl::Status CountTwo(const Tensor& scores, const Tensor& labels, double threshold, absl::Span<const float> weights) {
    const int64_t n = labels.shape()[0];
    Tensor both(TensorType{DType::kFloat32, {n, 2}}), sides(labels.type());
    for (int64_t i = 0; i < n; ++i) {
      both.values<float>()[2 * i] = static_cast<float>(threshold);
      both.values<float>()[2 * i + 1] = scores.values<float>()[i];
      sides.values<int32_t>()[i] = labels.values<int32_t>()[i] > 0 ? 1 : 0;
    }
    return Count(both, sides, weights);
  }

  const TrainedModel& trained_;
  const std::vector<Comparison> comparisons_;
  std::unique_ptr<ConfusionMatrix> matrix_;
};

// Every example once; gives the number of those that could be read.
absl::StatusOr<int64_t> RunBatches(const TrainedModel& trained, Loader* loader, DataBinding* binding,
                                   Evaluator* evaluator, Confusions* confusions) {
  int64_t examples = 0;
  GRADUS_RETURN_IF_ERROR(ForEachBatch(trained, loader, [&](const Batch& batch) -> absl::Status {
    const absl::Span<const InputFeed> feeds = binding->Feeds(batch);
    examples += batch.num_examples - static_cast<int64_t>(batch.skipped.size());
    GRADUS_RETURN_IF_ERROR(evaluator->Add(feeds, batch.weights));
    return confusions->Add(evaluator, feeds, batch.weights);
  }));
  return examples;
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
  Confusions confusions(trained);
  GRADUS_ASSIGN_OR_RETURN(const int64_t examples,
                          RunBatches(trained, loader.get(), &binding, evaluator.get(), &confusions));
  Print(trained, evaluator->Results(), examples, confusions.matrix());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Evaluate); }
