#include "train/training_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error_list.h"
#include "core/named_file.h"
#include "core/status_macros.h"
#include "core/text_proto.h"
#include "graph/session.h"
#include "train/stages.h"

namespace gradus {
namespace {

constexpr int64_t kMostEpochs = 1'000'000'000;
constexpr int64_t kMostSteps = 1'000'000'000'000;
constexpr int64_t kMostAccumulated = 1'000'000;

// All mistakes of the training file that show without data and model.
class Checker {
 public:
  explicit Checker(const TrainingFile& file) : file_(file) {}

  void Check(bool good, const std::string& field, absl::string_view message) {
    if (!good) errors_.Add(file_.source.Lookup(field), absl::StrCat(field, " ", message));
  }
  void AtLeast(int64_t value, int64_t least, const std::string& field) {
    Check(value >= least, field, absl::StrCat("is ", value, "; it must be at least ", least));
  }
  void InRange(int64_t value, int64_t least, int64_t most, const std::string& field) {
    Check(value >= least && value <= most, field, absl::StrCat("is ", value, "; it must be ", least, " to ", most));
  }
  // In [0, 1).
  void Fraction(double value, const std::string& field) {
    Check(value >= 0 && value < 1, field, absl::StrCat("is ", value, "; it must be at least 0 and below 1"));
  }
  // Kernels take numbers as f32: neither NaN nor more than that type holds.
  void Positive(double value, const std::string& field) { Real(value, value > 0, "above 0", field); }
  void NotNegative(double value, const std::string& field) { Real(value, value >= 0, "not below 0", field); }

  std::string Place(const std::string& field) const { return file_.source.Lookup(field).ToString(); }
  absl::Status Result() const { return errors_.ToStatus(); }

 private:
  void Real(double value, bool in_range, absl::string_view range, const std::string& field) {
    constexpr float kMost = std::numeric_limits<float>::max();
    if (value > kMost) return Check(false, field, absl::StrCat("is ", value, "; it must be at most ", kMost));
    Check(in_range, field, absl::StrCat("is ", value, "; it must be a number ", range));
  }

  const TrainingFile& file_;
  ErrorList errors_;
};

void CheckLength(const Training& t, Checker* checker) {
  if (t.has_epochs() && t.has_steps()) {
    checker->Check(
        false, "steps",
        absl::StrCat("and epochs (", checker->Place("epochs"), ") both say how long to train; keep one of them"));
  }
  if (t.has_epochs()) checker->InRange(t.epochs(), 1, kMostEpochs, "epochs");
  if (t.has_steps()) checker->InRange(t.steps(), 1, kMostSteps, "steps");
  checker->AtLeast(t.batch_size(), 1, "batch_size");
  if (t.has_eval_batch_size()) checker->AtLeast(t.eval_batch_size(), 1, "eval_batch_size");
  checker->InRange(t.accumulate(), 1, kMostAccumulated, "accumulate");
}

void CheckOptimizer(const Training& t, Checker* checker) {
  checker->Positive(t.learning_rate(), "learning_rate");
  checker->NotNegative(t.weight_decay(), "weight_decay");
  checker->NotNegative(t.weight_decay_l1(), "weight_decay_l1");
  checker->NotNegative(t.clip_norm(), "clip_norm");
  const Optimizer& optimizer = t.optimizer();
  if (optimizer.has_sgd()) {
    checker->Fraction(optimizer.sgd().momentum(), "optimizer.sgd.momentum");
    checker->Check(!optimizer.sgd().nesterov() || optimizer.sgd().momentum() > 0, "optimizer.sgd.nesterov",
                   "needs a momentum above 0");
  }
  const auto check_adam = [&](const auto& adam, const std::string& field) {
    checker->Fraction(adam.beta1(), field + ".beta1");
    checker->Fraction(adam.beta2(), field + ".beta2");
    checker->Positive(adam.epsilon(), field + ".epsilon");
  };
  if (optimizer.has_adam()) check_adam(optimizer.adam(), "optimizer.adam");
  if (optimizer.has_adamw()) check_adam(optimizer.adamw(), "optimizer.adamw");
  if (optimizer.has_adagrad()) checker->Positive(optimizer.adagrad().epsilon(), "optimizer.adagrad.epsilon");
  if (optimizer.has_rmsprop()) {
    checker->Fraction(optimizer.rmsprop().decay(), "optimizer.rmsprop.decay");
    checker->Positive(optimizer.rmsprop().epsilon(), "optimizer.rmsprop.epsilon");
    checker->Fraction(optimizer.rmsprop().momentum(), "optimizer.rmsprop.momentum");
  }
  if (optimizer.has_adadelta()) {
    checker->Fraction(optimizer.adadelta().decay(), "optimizer.adadelta.decay");
    checker->Positive(optimizer.adadelta().epsilon(), "optimizer.adadelta.epsilon");
  }
}

// What asks for evaluation without saying on what.
void CheckEvaluation(const Training& t, Checker* checker) {
  checker->AtLeast(t.evaluation().every_steps(), 0, "evaluation.every_steps");
  checker->AtLeast(t.checkpoint().every_steps(), 0, "checkpoint.every_steps");
  checker->AtLeast(t.checkpoint().keep(), 1, "checkpoint.keep");
  if (t.has_early_stop()) {
    checker->AtLeast(t.early_stop().patience(), 1, "early_stop.patience");
    checker->NotNegative(t.early_stop().min_delta(), "early_stop.min_delta");
  }
  if (t.has_stop_when()) {
    const StopWhen& stop = t.stop_when();
    checker->Check(stop.has_at_least() != stop.has_at_most(), "stop_when", "needs one of `at_least` and `at_most`");
    checker->Check(!std::isnan(stop.at_least()), "stop_when.at_least", "is nan; it must be a number");
    checker->Check(!std::isnan(stop.at_most()), "stop_when.at_most", "is nan; it must be a number");
  }
  if (t.has_eval_data()) return;
  constexpr char kNeedsData[] = "needs eval_data: without it there is no evaluation";
  checker->Check(!t.has_evaluation(), "evaluation", kNeedsData);
  checker->Check(!t.checkpoint().has_best_metric(), "checkpoint.best_metric", kNeedsData);
  checker->Check(!t.has_early_stop(), "early_stop", kNeedsData);
  checker->Check(!t.has_stop_when(), "stop_when", kNeedsData);
}

void CheckLists(const Training& t, Checker* checker) {
  std::vector<std::string> fed;
  for (int i = 0; i < t.feed_size(); ++i) {
    const std::string field = absl::StrCat("feed[", i, "]");
    const std::string& input = t.feed(i).input();
    checker->Check(t.feed(i).has_input() && t.feed(i).has_column(), field, "needs both `input` and `column`");
    const size_t first = std::find(fed.begin(), fed.end(), input) - fed.begin();
    if (first < fed.size() && !input.empty()) {
      checker->Check(false, field,
                     absl::StrCat("feeds '", input, "' as feed[", first, "] (",
                                  checker->Place(absl::StrCat("feed[", first, "]")), ") does already"));
    }
    fed.push_back(input);
  }
  for (int i = 0; i < t.init_from_size(); ++i) {
    const std::string field = absl::StrCat("init_from[", i, "]");
    const bool from_stage = t.init_from(i).has_stage();
    checker->Check(t.init_from(i).has_checkpoint() || from_stage, field, "needs `checkpoint`");
    checker->Check(!t.init_from(i).has_checkpoint() || !from_stage, field, "needs one of `checkpoint` and `stage`");
    for (int r = 0; r < t.init_from(i).rename_size(); ++r) {
      const InitFrom::Rename& rename = t.init_from(i).rename(r);
      checker->Check(!rename.to().empty() && !rename.from().empty(), absl::StrCat(field, ".rename[", r, "]"),
                     "needs both `to` (the name here) and `from` (the name there)");
    }
  }
}

absl::Status CheckTraining(const TrainingFile& file) {
  const Training& t = file.training;
  Checker checker(file);
  checker.Check(t.has_train_data(), "train_data", "is missing: say where training examples come from");
  CheckLength(t, &checker);
  CheckOptimizer(t, &checker);
  CheckEvaluation(t, &checker);
  CheckLists(t, &checker);
  for (int i = 0; i < t.init_from_size(); ++i) {
    checker.Check(!file.stage.empty() || !t.init_from(i).has_stage(), absl::StrCat("init_from[", i, "].stage"),
                  "names a stage, but this file has none");
  }
  checker.AtLeast(t.log_every_steps(), 1, "log_every_steps");
  checker.AtLeast(t.memory_budget(), 0, "memory_budget");
  checker.InRange(t.threads(), 0, 1024, "threads");
  checker.InRange(t.loader_threads(), 0, 256, "loader_threads");
  return checker.Result();
}

// A flag that says how long all stages are, as a person thinks, while some say it themselves: an error that names the
// first of them.
absl::Status CheckLengthFlag(absl::Span<const std::string> overrides, absl::string_view field,
                             const TrainingFile& file) {
  const auto last = [overrides](absl::string_view prefix) {
    return std::find_if(overrides.rbegin(), overrides.rend(),
                        [prefix](const std::string& assignment) { return absl::StartsWith(assignment, prefix); });
  };
  const auto flag = last(absl::StrCat(field, "="));
  if (flag == overrides.rend() || last("stage=") != overrides.rend()) return absl::OkStatus();
  int first = -1, others = 0;
  for (int i = 0; i < file.training.stage_size(); ++i) {
    const TrainingStage& stage = file.training.stage(i);
    const std::string name = absl::StrCat("stage[", i, "]");
    const bool by_flag = std::any_of(overrides.begin(), overrides.end(), [&name](const std::string& assignment) {
      return absl::StartsWith(assignment, name + "=") || absl::StartsWith(assignment, name + ".steps=") ||
             absl::StartsWith(assignment, name + ".epochs=");
    });
    if (by_flag || (!stage.has_steps() && !stage.has_epochs())) continue;
    first < 0 ? first = i : ++others;
  }
  if (first < 0) return absl::OkStatus();
  const std::string stage = absl::StrCat("stage[", first, "]");
  const char* own = file.training.stage(first).has_steps() ? ".steps" : ".epochs";
  return absl::InvalidArgumentError(absl::StrCat(
      "--set=", *flag, ": ", stage, " has a length of its own (", file.source.Lookup(stage + own).ToString(), ")",
      others > 0 ? absl::StrCat(", and so ", others == 1 ? "has 1 other" : absl::StrCat("have ", others, " others"))
                 : "",
      "; --set=", stage, ".", *flag, " sets that one"));
}

absl::Status ApplyOverrides(absl::Span<const std::string> overrides, TrainingFile* file) {
  std::vector<std::string> errors;
  for (const std::string& assignment : overrides) {
    const absl::Status status = ApplyOverride(assignment, &file->training, &file->source);
    if (!status.ok()) errors.push_back(std::string(status.message()));
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  // One way of saying how long replaces the other, when the flag is the one that says it.
  const auto sets = [overrides](absl::string_view field) {
    return std::any_of(overrides.begin(), overrides.end(),
                       [field](const std::string& assignment) { return absl::StartsWith(assignment, field); });
  };
  if (sets("steps=") && !sets("epochs=")) file->training.clear_epochs();
  if (sets("epochs=") && !sets("steps=")) file->training.clear_steps();
  for (int i = 0; i < file->training.stage_size(); ++i) {
    TrainingStage* stage = file->training.mutable_stage(i);
    const std::string steps = absl::StrCat("stage[", i, "].steps="), epochs = absl::StrCat("stage[", i, "].epochs=");
    if (sets(steps) && !sets(epochs)) stage->clear_epochs();
    if (sets(epochs) && !sets(steps)) stage->clear_steps();
  }
  GRADUS_RETURN_IF_ERROR(CheckLengthFlag(overrides, "steps", *file));
  return CheckLengthFlag(overrides, "epochs", *file);
}

// Both messages, for mistakes that show at the same time.
absl::Status Join(const absl::Status& a, const absl::Status& b) {
  if (a.ok() || b.ok()) return a.ok() ? b : a;
  return absl::InvalidArgumentError(absl::StrCat(a.message(), "\n", b.message()));
}

absl::Status ParseTraining(absl::string_view text, const std::string& path, absl::Span<const std::string> overrides,
                           TrainingFile* file) {
  file->path = path;
  file->text = std::make_shared<const std::string>(text);
  absl::StatusOr<SourceMap> source = ParseText(text, path, &file->training);
  if (!source.ok()) {
    Model model;
    if (!ParseText(text, path, &model).ok() || model.layer().empty()) return source.status();
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": this is a model file; wanted is a training file, which names it as `model`"));
  }
  file->source = *std::move(source);
  return ApplyOverrides(overrides, file);
}

absl::StatusOr<LoadedModel> ParseModel(absl::string_view text, const std::string& path) {
  absl::StatusOr<LoadedModel> model = LoadModelText(text, path);
  Training training;
  if (!model.ok() && ParseText(text, path, &training).ok() && training.has_model()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": this is a training file; wanted is a model file"));
  }
  GRADUS_RETURN_IF_ERROR(model.status());
  const auto& losses = model->written.loss();
  if (std::any_of(losses.begin(), losses.end(), [](const Loss& loss) { return loss.only() != EVALUATE; })) {
    return model;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, losses.empty() ? ": the model has no loss" : ": the model has losses for evaluation only",
                   "; training needs one, like `loss { name: \"xent\" target: \"label\" softmax_cross_entropy {} }`"));
}

absl::StatusOr<LoadedModel> ReadModel(const TrainingFile& file) {
  const std::string& name = file.training.model();
  const SourceLocation where = file.source.Lookup("model");
  if (!file.training.has_model()) {
    return ErrorAt(where, "model is missing: name the model file, relative to this one, like `model: \"m.textproto\"`");
  }
  GRADUS_RETURN_IF_ERROR(CheckPathLength(name, where, "model"));
  const std::string path = PathBeside(file.path, name);
  absl::StatusOr<std::string> text = ReadNamedFile(path);
  if (!text.ok()) return ErrorAt(where, absl::StrCat("model: ", text.status().message()));
  return ParseModel(*text, path);
}

using ModelReader = absl::FunctionRef<absl::StatusOr<LoadedModel>(const TrainingFile&)>;

// Checks the training, or each of its stages, and reads its model.
absl::Status Complete(ModelReader read, TrainingFile* file) {
  if (file->training.stage().empty()) {
    absl::StatusOr<LoadedModel> model = read(*file);
    GRADUS_RETURN_IF_ERROR(Join(CheckTraining(*file), model.status()));
    file->model = *std::move(model);
    return absl::OkStatus();
  }
  GRADUS_ASSIGN_OR_RETURN(file->stages, SplitStages(*file));
  std::vector<std::string> lines;
  absl::flat_hash_set<std::string> said;  // what is wrong for several stages is one mistake
  for (TrainingFile& stage : file->stages) {
    const absl::Status completed = Complete(read, &stage);
    if (completed.ok()) continue;
    for (absl::string_view line : absl::StrSplit(completed.message(), '\n')) {
      if (said.insert(std::string(line)).second) lines.push_back(std::string(line));
    }
  }
  if (!lines.empty()) return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
  file->model = file->stages.back().model;
  return absl::OkStatus();
}

}  // namespace

int LoaderThreads(const Training& training) {
  return training.has_loader_threads() ? training.loader_threads() : std::clamp(AvailableCores() / 2, 1, 8);
}

absl::StatusOr<TrainingFile> LoadTrainingFile(const std::string& path, absl::Span<const std::string> overrides) {
  absl::StatusOr<std::string> text = ReadNamedFile(path);
  if (!text.ok()) {
    return absl::Status(text.status().code(), absl::StrCat("training file: ", text.status().message()));
  }
  TrainingFile file;
  GRADUS_RETURN_IF_ERROR(ParseTraining(*text, path, overrides, &file));
  GRADUS_RETURN_IF_ERROR(Complete(ReadModel, &file));
  return file;
}

absl::StatusOr<TrainingFile> LoadTrainingText(absl::string_view text, const std::string& name,
                                              absl::string_view model_text, const std::string& model_name,
                                              absl::Span<const std::string> overrides) {
  TrainingFile file;
  GRADUS_RETURN_IF_ERROR(ParseTraining(text, name, overrides, &file));
  const auto model = [&](const TrainingFile&) { return ParseModel(model_text, model_name); };
  GRADUS_RETURN_IF_ERROR(Complete(model, &file));
  return file;
}

}  // namespace gradus
