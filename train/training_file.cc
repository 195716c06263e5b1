#include "train/training_file.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "core/text_proto.h"

namespace gradus {
namespace {

class Checker {
 public:
  explicit Checker(const TrainingFile& file) : file_(file) {}

  void Check(bool good, const std::string& field, absl::string_view message) {
    if (good) return;
    errors_.push_back(absl::StrCat(file_.source.Lookup(field).ToString(), ": ", field, " ", message));
  }
  template <typename T>
  void AtLeast(T value, T least, const std::string& field) {
    Check(value >= least, field, absl::StrCat("is ", value, "; it must be at least ", least));
  }
  void InRange(double value, double low, double high, bool high_open, const std::string& field) {
    const bool good = value >= low && (high_open ? value < high : value <= high);
    Check(good, field, absl::StrCat("is ", value, "; it must be in [", low, ", ", high, high_open ? ")" : "]"));
  }

  absl::Status Result() const {
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  const TrainingFile& file_;
  std::vector<std::string> errors_;
};

void CheckOptimizer(const Optimizer& optimizer, Checker* checker) {
  if (optimizer.has_sgd()) {
    checker->InRange(optimizer.sgd().momentum(), 0, 1, true, "optimizer.sgd.momentum");
    checker->Check(!optimizer.sgd().nesterov() || optimizer.sgd().momentum() > 0, "optimizer.sgd.nesterov",
                   "needs a momentum above 0");
  }
  if (optimizer.has_adam()) {
    checker->InRange(optimizer.adam().beta1(), 0, 1, true, "optimizer.adam.beta1");
    checker->InRange(optimizer.adam().beta2(), 0, 1, true, "optimizer.adam.beta2");
    checker->Check(optimizer.adam().epsilon() > 0, "optimizer.adam.epsilon", "must be above 0");
  }
}

absl::Status CheckTraining(const TrainingFile& file) {
  const Training& t = file.training;
  Checker checker(file);
  checker.Check(t.has_train_data(), "train_data", "is missing: say where training examples come from");
  checker.AtLeast<int64_t>(t.batch_size(), 1, "batch_size");
  if (t.has_eval_batch_size()) checker.AtLeast<int64_t>(t.eval_batch_size(), 1, "eval_batch_size");
  checker.Check(!(t.has_epochs() && t.has_steps()), "steps", "and epochs are both given; give one of them");
  if (t.has_epochs()) checker.AtLeast<int64_t>(t.epochs(), 1, "epochs");
  if (t.has_steps()) checker.AtLeast<int64_t>(t.steps(), 1, "steps");
  checker.Check(std::isfinite(t.learning_rate()) && t.learning_rate() > 0, "learning_rate",
                absl::StrCat("is ", t.learning_rate(), "; it must be above 0"));
  checker.Check(std::isfinite(t.weight_decay()) && t.weight_decay() >= 0, "weight_decay", "must not be negative");
  checker.Check(std::isfinite(t.weight_decay_l1()) && t.weight_decay_l1() >= 0, "weight_decay_l1",
                "must not be negative");
  checker.Check(std::isfinite(t.clip_norm()) && t.clip_norm() >= 0, "clip_norm", "must not be negative");
  checker.AtLeast<int64_t>(t.accumulate(), 1, "accumulate");
  checker.AtLeast<int64_t>(t.log_every_steps(), 1, "log_every_steps");
  checker.AtLeast<int64_t>(t.memory_budget(), 0, "memory_budget");
  checker.InRange(t.threads(), 0, 1024, false, "threads");
  checker.InRange(t.loader_threads(), 0, 256, false, "loader_threads");
  checker.AtLeast<int64_t>(t.evaluation().every_steps(), 0, "evaluation.every_steps");
  checker.AtLeast<int64_t>(t.checkpoint().every_steps(), 0, "checkpoint.every_steps");
  checker.AtLeast<int64_t>(t.checkpoint().keep(), 1, "checkpoint.keep");
  if (t.has_early_stop()) {
    checker.Check(t.has_eval_data(), "early_stop", "needs eval_data: there is nothing to judge by");
    checker.AtLeast<int64_t>(t.early_stop().patience(), 1, "early_stop.patience");
    checker.AtLeast<double>(t.early_stop().min_delta(), 0, "early_stop.min_delta");
  }
  for (int i = 0; i < t.feed_size(); ++i) {
    checker.Check(t.feed(i).has_input() && t.feed(i).has_column(), absl::StrCat("feed[", i, "]"),
                  "needs both `input` and `column`");
  }
  for (int i = 0; i < t.init_from_size(); ++i) {
    checker.Check(t.init_from(i).has_checkpoint(), absl::StrCat("init_from[", i, "]"), "needs `checkpoint`");
  }
  CheckOptimizer(t.optimizer(), &checker);
  return checker.Result();
}

absl::Status ApplyOverrides(absl::Span<const std::string> overrides, TrainingFile* file) {
  std::vector<std::string> errors;
  for (const std::string& assignment : overrides) {
    const absl::Status status = ApplyOverride(assignment, &file->training, &file->source);
    if (!status.ok()) errors.push_back(std::string(status.message()));
  }
  // One way of saying how long replaces the other, when the flag is the one that says it.
  const bool sets_steps = std::any_of(overrides.begin(), overrides.end(),
                                      [](const std::string& s) { return s.rfind("steps=", 0) == 0; });
  const bool sets_epochs = std::any_of(overrides.begin(), overrides.end(),
                                       [](const std::string& s) { return s.rfind("epochs=", 0) == 0; });
  if (sets_steps && !sets_epochs) file->training.clear_epochs();
  if (sets_epochs && !sets_steps) file->training.clear_steps();
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainingFile> LoadTrainingFile(const std::string& path, absl::Span<const std::string> overrides) {
  TrainingFile file;
  file.path = path;
  GRADUS_ASSIGN_OR_RETURN(TextFile text, ParseTextFile(path, &file.training));
  file.text = std::move(text.text);
  file.source = std::move(text.source);
  GRADUS_RETURN_IF_ERROR(ApplyOverrides(overrides, &file));
  const absl::Status checked = CheckTraining(file);
  if (!file.training.has_model()) {
    const std::string missing = absl::StrCat(path, ": model is missing: name the model file, relative to this one");
    return absl::InvalidArgumentError(checked.ok() ? missing : absl::StrCat(missing, "\n", checked.message()));
  }
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash);
  absl::StatusOr<LoadedModel> model = LoadModel(JoinPath(folder, file.training.model()));
  if (!model.ok() && !checked.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(checked.message(), "\n", model.status().message()));
  }
  GRADUS_RETURN_IF_ERROR(checked);
  if (absl::IsNotFound(model.status())) {
    return ErrorAt(file.source.Lookup("model"), model.status().message());
  }
  GRADUS_ASSIGN_OR_RETURN(file.model, std::move(model));
  return file;
}

absl::StatusOr<TrainingFile> LoadTrainingText(absl::string_view text, const std::string& name,
                                              absl::string_view model_text, const std::string& model_name,
                                              absl::Span<const std::string> overrides) {
  TrainingFile file;
  file.path = name;
  file.text = std::string(text);
  GRADUS_ASSIGN_OR_RETURN(file.source, ParseText(text, name, &file.training));
  GRADUS_RETURN_IF_ERROR(ApplyOverrides(overrides, &file));
  GRADUS_RETURN_IF_ERROR(CheckTraining(file));
  GRADUS_ASSIGN_OR_RETURN(file.model, LoadModelText(model_text, model_name));
  return file;
}

}  // namespace gradus
