#include "train/trainer.h"

#include <google/protobuf/text_format.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/status_macros.h"
#include "data/stream.h"
#include "train/model_variables.h"
#include "train/version.h"

namespace gradus {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string PrintText(const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return text;
}

absl::StatusOr<ExampleSource> OpenSource(const DataStream& stream, const TrainerOptions& options,
                                         const std::shared_ptr<const Dataset>& own, TransformMode mode) {
  if (own != nullptr) return ExampleSource::Make(own, stream.transform(), mode);
  return OpenStream(stream, DatasetContext{options.data_dir}, mode);
}

std::string InstructionSet() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    default:
      return absl::StrCat("isa_", static_cast<int>(dnnl::get_effective_cpu_isa()));
  }
}

}  // namespace

std::string TrainResult::ToJson() const {
  nlohmann::ordered_json json;
  auto number = [](double value) -> nlohmann::ordered_json {
    if (std::isfinite(value)) return value;
    return nullptr;
  };
  json["step"] = step;
  json["loss"] = number(loss);
  for (const auto& [name, value] : evaluation) json["eval_" + name] = number(value);
  json["examples_per_second"] = number(examples_per_second);
  json["peak_bytes"] = peak_bytes;
  return json.dump();
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(TrainingFile file, TrainerOptions options) {
  std::unique_ptr<Trainer> trainer(new Trainer(std::move(file), std::move(options)));
  GRADUS_RETURN_IF_ERROR(trainer->OpenData());
  GRADUS_RETURN_IF_ERROR(trainer->PlanLength());
  GRADUS_RETURN_IF_ERROR(trainer->Compile());
  GRADUS_RETURN_IF_ERROR(trainer->CheckMetrics());
  return trainer;
}

absl::Status Trainer::OpenData() {
  auto at = [this](const std::string& field, const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat(file_.source.Lookup(field).ToString(), ": ", field, ": ", status.message()));
  };
  absl::StatusOr<ExampleSource> train =
      OpenSource(config().train_data(), options_, options_.train_dataset, TransformMode::kTrain);
  if (!train.ok()) return at("train_data", train.status());
  LoaderOptions loader;
  loader.batch_size = config().batch_size();
  loader.shuffle = config().train_data().has_shuffle() ? config().train_data().shuffle() : true;
  loader.seed = config().seed();
  loader.remainder = config().remainder() == Training::WRAP ? Remainder::kWrap : Remainder::kDrop;
  loader.threads = config().loader_threads();
  absl::StatusOr<std::unique_ptr<Loader>> made = Loader::Make(*std::move(train), loader);
  if (!made.ok()) return at("train_data", made.status());
  train_loader_ = *std::move(made);
  GRADUS_ASSIGN_OR_RETURN(DataBinding binding, DataBinding::Make(file_, "train_data", train_loader_->columns()));
  train_binding_ = std::make_unique<DataBinding>(std::move(binding));
  if (!config().has_eval_data() && options_.eval_dataset == nullptr) return absl::OkStatus();

  absl::StatusOr<ExampleSource> eval =
      OpenSource(config().eval_data(), options_, options_.eval_dataset, TransformMode::kEvaluate);
  if (!eval.ok()) return at("eval_data", eval.status());
  loader.batch_size = config().has_eval_batch_size() ? config().eval_batch_size() : config().batch_size();
  loader.shuffle = config().eval_data().shuffle();
  loader.remainder = Remainder::kPad;
  made = Loader::Make(*std::move(eval), loader);
  if (!made.ok()) return at("eval_data", made.status());
  eval_loader_ = *std::move(made);
  GRADUS_ASSIGN_OR_RETURN(DataBinding eval_binding, DataBinding::Make(file_, "eval_data", eval_loader_->columns()));
  eval_binding_ = std::make_unique<DataBinding>(std::move(eval_binding));
  return absl::OkStatus();
}

// The number of steps, and the schedule over them.
absl::Status Trainer::PlanLength() {
  const double examples = static_cast<double>(train_loader_->num_examples());
  const double batches = config().remainder() == Training::WRAP
                             ? examples / static_cast<double>(config().batch_size())
                             : static_cast<double>(train_loader_->BatchesInEpoch(0));
  span_.steps_per_epoch = batches / static_cast<double>(config().accumulate());
  const double epochs = static_cast<double>(config().has_epochs() ? config().epochs() : 1);
  span_.total_steps =
      config().has_steps() ? config().steps() : static_cast<int64_t>(std::floor(epochs * span_.steps_per_epoch + 1e-9));
  if (span_.total_steps < 1) {
    return ErrorAt(file_.source.Lookup("accumulate"),
                   absl::StrCat("the run has no step: ", config().accumulate(), " batches of ", config().batch_size(),
                                " make one, but the epochs hold only ", epochs * batches, " batches"));
  }
  const absl::Status checked = CheckSchedule(config().schedule(), span_);
  if (!checked.ok()) return ErrorAt(file_.source.Lookup("schedule"), checked.message());
  return absl::OkStatus();
}

absl::Status Trainer::Compile() {
  LearnerOptions learner;
  learner.training_source = file_.source;
  learner.debug_arena = options_.debug_arena;
  learner.passes = options_.passes;
  learner.kernel_choices = EarlierChoices();
  learner.input_dims = train_binding_->input_dims();
  GRADUS_ASSIGN_OR_RETURN(learner_, Learner::Create(file_.model, config(), learner));
  if (eval_loader_ == nullptr) return absl::OkStatus();
  GRADUS_ASSIGN_OR_RETURN(evaluator_, Evaluator::Create(file_.model.model, &learner_->session(),
                                                        eval_loader_->options().batch_size,
                                                        eval_binding_->input_dims()));
  if (!evaluator_->HasResults()) evaluator_ = nullptr;
  return absl::OkStatus();
}

// What the run so far chose, if it was on a machine like this one: then the rest gives the same bytes.
absl::flat_hash_map<std::string, std::string> Trainer::EarlierChoices() const {
  absl::flat_hash_map<std::string, std::string> choices;
  if (!options_.resume) return choices;
  std::vector<std::string> skipped;  // told about when the run is resumed
  absl::StatusOr<std::optional<Checkpoint>> checkpoint = OpenNewestCheckpoint(options_.run_dir, &skipped);
  if (!checkpoint.ok() || !*checkpoint) return choices;
  const CheckpointState& state = (*checkpoint)->state();
  const int threads = config().threads() > 0 ? config().threads() : AvailableCores();
  if (state.instruction_set() != InstructionSet() || state.threads() != threads) return choices;
  if (state.library_version() != kVersion) return choices;
  for (const KernelChoice& choice : state.kernel_choice()) choices[choice.node()] = choice.implementation();
  return choices;
}

absl::Status Trainer::CheckMetrics() {
  if (evaluator_ == nullptr) return absl::OkStatus();
  best_metric_ = config().checkpoint().has_best_metric() ? config().checkpoint().best_metric()
                                                         : evaluator_->DefaultMetric();
  absl::StatusOr<bool> larger = evaluator_->LargerIsBetter(best_metric_);
  if (!larger.ok()) {
    return ErrorAt(file_.source.Lookup("checkpoint.best_metric"), larger.status().message());
  }
  best_larger_ = config().checkpoint().has_larger_is_better() ? config().checkpoint().larger_is_better() : *larger;
  if (!config().has_early_stop()) return absl::OkStatus();
  stop_metric_ = config().early_stop().has_metric() ? config().early_stop().metric() : best_metric_;
  larger = evaluator_->LargerIsBetter(stop_metric_);
  if (!larger.ok()) return ErrorAt(file_.source.Lookup("early_stop.metric"), larger.status().message());
  stop_larger_ = stop_metric_ == best_metric_ ? best_larger_ : *larger;
  return absl::OkStatus();
}

std::string Trainer::Describe() const {
  const MemoryNeed need = learner_->session().memory();
  std::string text = absl::StrCat("model     ", file_.model.written.name(), " (", file_.model.path, ")\n");
  absl::StrAppend(&text, "training  ", HumanCount(train_loader_->num_examples()), " examples, ",
                  HumanCount(span_.total_steps), " steps of ", config().batch_size() * config().accumulate(), ", ",
                  learner_->session().threads(), " threads\n");
  if (eval_loader_ != nullptr) {
    absl::StrAppend(&text, "evaluation ", HumanCount(eval_loader_->num_examples()), " examples\n");
  }
  absl::StrAppend(&text, "memory    ", HumanBytes(need.total()), " planned: ", HumanBytes(need.arena),
                  " for activations, gradients and scratch, ", HumanBytes(need.variables), " for variables");
  return text;
}

// ---- The run.

absl::StatusOr<TrainResult> Trainer::Run() {
  signal_ = std::make_unique<StopSignal>();
  progress_ = std::make_unique<Progress>();
  GRADUS_RETURN_IF_ERROR(StartOrResume());
  while (step_ < span_.total_steps && !stopped_early_ && !signal_->requested()) {
    GRADUS_RETURN_IF_ERROR(TrainStep());
    GRADUS_RETURN_IF_ERROR(AfterStep());
  }
  const bool finished = !signal_->requested();
  if (finished && evaluator_ != nullptr && evaluated_step_ != step_) {
    GRADUS_RETURN_IF_ERROR(Evaluate());
    GRADUS_RETURN_IF_ERROR(Judge());
  }
  if (logged_step_ != step_ && loss_count_ > 0) GRADUS_RETURN_IF_ERROR(Log());
  if (saved_step_ != step_) GRADUS_RETURN_IF_ERROR(Save());
  progress_->Finish();
  TrainResult result;
  result.step = step_;
  result.loss = last_loss_;
  result.evaluation = results_;
  result.examples_per_second = ExamplesPerSecond();
  result.peak_bytes = PeakResidentBytes();
  result.exit_code = signal_->exit_code();
  return result;
}

absl::Status Trainer::StartOrResume() {
  GRADUS_ASSIGN_OR_RETURN(RunFolder folder, RunFolder::Open(options_.run_dir, options_.resume));
  folder_ = std::make_unique<RunFolder>(std::move(folder));
  std::optional<Checkpoint> checkpoint;
  if (options_.resume) {
    std::vector<std::string> skipped;
    GRADUS_ASSIGN_OR_RETURN(checkpoint, RecoverNewestCheckpoint(folder_->path(), &skipped));
    for (const std::string& message : skipped) progress_->Note(absl::StrCat("skipped: ", message));
  }
  if (checkpoint) {
    GRADUS_RETURN_IF_ERROR(Resume(*checkpoint));
  } else {
    GRADUS_RETURN_IF_ERROR(InitializeFrom(config(), file_.source, ParentFolder(file_.path), &learner_->variables(),
                                          [this](const std::string& line) { progress_->Note(line); }));
  }
  GRADUS_RETURN_IF_ERROR(TruncateMetricsLog(folder_->MetricsPath(), checkpoint ? step_ : -1));
  GRADUS_ASSIGN_OR_RETURN(MetricsLog log, MetricsLog::Open(folder_->MetricsPath()));
  log_ = std::make_unique<MetricsLog>(std::move(log));
  if (checkpoint) return absl::OkStatus();
  if (config().evaluation().at_start() && evaluator_ != nullptr) {
    GRADUS_RETURN_IF_ERROR(Evaluate());
    GRADUS_RETURN_IF_ERROR(Judge());
  }
  if (config().checkpoint().at_start() && saved_step_ != 0) GRADUS_RETURN_IF_ERROR(Save());
  return absl::OkStatus();
}

absl::Status Trainer::Resume(const Checkpoint& checkpoint) {
  const CheckpointState& state = checkpoint.state();
  const absl::Status restored = RestoreVariables(checkpoint, true, &learner_->variables());
  if (!restored.ok()) {
    return absl::Status(restored.code(),
                        absl::StrCat(restored.message(), "\nthe run in '", folder_->path(), "' is of another model"));
  }
  if (state.seed() != config().seed()) {
    return ErrorAt(file_.source.Lookup("seed"), absl::StrCat("is ", config().seed(), ", but the run in '",
                                                             folder_->path(), "' has seed ", state.seed()));
  }
  if (state.threads() != learner_->session().threads()) {
    progress_->Note(absl::StrCat("note: the run so far had ", state.threads(), " threads, now it has ",
                                 learner_->session().threads(), "; results will differ in the last digits"));
  }
  if (state.instruction_set() != InstructionSet()) {
    progress_->Note("note: the run so far was on another kind of processor; results will differ in the last digits");
  }
  step_ = state.step();
  epoch_ = state.epoch();
  learner_->set_step(step_);
  if (state.data_cursor_size() > 0) {
    GRADUS_RETURN_IF_ERROR(
        train_loader_->Seek({state.data_cursor(0).epoch(), state.data_cursor(0).batch()}));
  }
  saved_step_ = logged_step_ = step_;
  if (state.has_best()) *history_.mutable_best() = state.best();
  if (state.has_early_stop()) {
    *history_.mutable_early_stop() = state.early_stop();
    stopped_early_ = config().has_early_stop() &&
                     state.early_stop().evaluations_since() >= config().early_stop().patience();
  }
  *history_.mutable_evaluation() = state.evaluation();
  if (state.evaluation_size() > 0) {
    const EvaluationRecord& last = state.evaluation(state.evaluation_size() - 1);
    if (last.step() == step_) evaluated_step_ = step_;
    for (const MetricValue& metric : last.metric()) results_.emplace_back(metric.name(), metric.value());
  }
  progress_->Note(absl::StrCat("resumed at step ", step_, " from ", checkpoint.folder()));
  return absl::OkStatus();
}

// One update: `accumulate` batches.
absl::Status Trainer::TrainStep() {
  const double start = Now();
  last_rate_ = LearningRate(config().schedule(), span_, config().learning_rate(), step_);
  StepResult result;
  do {
    GRADUS_ASSIGN_OR_RETURN(const Batch* batch, train_loader_->Next());
    absl::StatusOr<StepResult> stepped = learner_->Step(train_binding_->Feeds(*batch), last_rate_);
    if (!stepped.ok()) return NameExample(stepped.status(), *batch);
    result = *stepped;
    examples_ += batch->num_examples;
    log_examples_ += batch->num_examples;
  } while (!result.updated);
  ++step_;
  last_loss_ = result.loss;
  last_norm_ = result.gradient_norm;
  loss_sum_ += result.loss;
  ++loss_count_;
  const double spent = Now() - start;
  seconds_ += spent;
  log_seconds_ += spent;
  return absl::OkStatus();
}

// What is due after a step, in this order: log, evaluation, checkpoint.
absl::Status Trainer::AfterStep() {
  const int64_t epoch_now = train_loader_->place().epoch;
  const bool epoch_ended = epoch_now > epoch_;
  epoch_ = epoch_now;
  const bool last = step_ == span_.total_steps;
  auto due = [&](int64_t every) {
    if (every > 0) return step_ % every == 0 || last;
    return last || (epoch_ended && !config().has_steps());
  };
  if (step_ % config().log_every_steps() == 0 || last) GRADUS_RETURN_IF_ERROR(Log());
  ShowProgress();
  if (evaluator_ != nullptr && due(config().evaluation().every_steps())) {
    GRADUS_RETURN_IF_ERROR(Evaluate());
    GRADUS_RETURN_IF_ERROR(Judge());
    ShowProgress();
  }
  const bool new_best = history_.has_best() && history_.best().step() == step_;
  if ((due(config().checkpoint().every_steps()) || new_best) && saved_step_ != step_) {
    GRADUS_RETURN_IF_ERROR(Save());
  }
  return absl::OkStatus();
}

absl::Status Trainer::Evaluate() {
  evaluator_->Start();
  GRADUS_RETURN_IF_ERROR(eval_loader_->Seek({0, 0}));
  for (int64_t i = 0; i < eval_loader_->BatchesInEpoch(0); ++i) {
    GRADUS_ASSIGN_OR_RETURN(const Batch* batch, eval_loader_->Next());
    const absl::Status added = evaluator_->Add(eval_binding_->Feeds(*batch), batch->weights);
    if (!added.ok()) return NameExample(added, *batch);
  }
  results_ = evaluator_->Results();
  evaluated_step_ = step_;
  MetricsLine line;
  line.step = step_;
  line.epoch = epoch_;
  line.evaluation = results_;
  GRADUS_RETURN_IF_ERROR(log_->Append(line));
  EvaluationRecord* record = history_.add_evaluation();
  record->set_step(step_);
  for (const auto& [name, value] : results_) {
    MetricValue* metric = record->add_metric();
    metric->set_name(name);
    metric->set_value(value);
  }
  return absl::OkStatus();
}

absl::Status Trainer::Judge() {
  auto value_of = [this](const std::string& name) {
    for (const auto& [metric, value] : results_) {
      if (metric == name) return value;
    }
    return std::nan("");
  };
  auto better = [](double value, double than, bool larger, double delta) {
    return larger ? value > than + delta : value < than - delta;
  };
  const double value = value_of(best_metric_);
  if (std::isfinite(value) &&
      (!history_.has_best() || better(value, history_.best().value(), best_larger_, 0))) {
    history_.mutable_best()->set_metric(best_metric_);
    history_.mutable_best()->set_value(value);
    history_.mutable_best()->set_step(step_);
  }
  if (!config().has_early_stop()) return absl::OkStatus();
  EarlyStopState* stop = history_.mutable_early_stop();
  const double judged = value_of(stop_metric_);
  if (!stop->has_best_value() || better(judged, stop->best_value(), stop_larger_, config().early_stop().min_delta())) {
    stop->set_metric(stop_metric_);
    stop->set_best_value(judged);
    stop->set_evaluations_since(0);
    return absl::OkStatus();
  }
  stop->set_evaluations_since(stop->evaluations_since() + 1);
  if (stop->evaluations_since() < config().early_stop().patience()) return absl::OkStatus();
  stopped_early_ = true;
  progress_->Note(absl::StrCat("stopped early at step ", step_, ": ", stop_metric_, " has not improved for ",
                               stop->evaluations_since(), " evaluations"));
  return absl::OkStatus();
}

absl::Status Trainer::Save() {
  GRADUS_RETURN_IF_ERROR(log_->Sync());
  GRADUS_RETURN_IF_ERROR(SaveCheckpoint(folder_->path(), State(), ModelTensors(&learner_->variables()),
                                        OptimizerTensors(&learner_->variables()), config().checkpoint().keep()));
  saved_step_ = step_;
  return absl::OkStatus();
}

CheckpointState Trainer::State() const {
  CheckpointState state = history_;
  state.set_library_version(kVersion);
  state.set_step(step_);
  state.set_epoch(epoch_);
  state.set_examples_seen(step_ * config().batch_size() * config().accumulate());
  DataCursor* cursor = state.add_data_cursor();
  cursor->set_epoch(train_loader_->place().epoch);
  cursor->set_batch(train_loader_->place().number);
  state.set_seed(config().seed());
  state.set_threads(learner_->session().threads());
  state.set_instruction_set(InstructionSet());
  for (const auto& [node, implementation] : learner_->plan().KernelChoices()) {
    KernelChoice* choice = state.add_kernel_choice();
    choice->set_node(node);
    choice->set_implementation(implementation);
  }
  for (const auto& [name, text] : {std::pair<const std::string&, const std::string&>(file_.path, file_.text),
                                   std::pair<const std::string&, const std::string&>(file_.model.path,
                                                                                     file_.model.text)}) {
    SourceFile* source = state.add_source_file();
    source->set_name(name);
    source->set_text(text);
  }
  state.set_expanded_model(PrintText(file_.model.model.model()));
  state.set_training(PrintText(config()));
  state.set_evaluation_preprocessing(
      PrintText(config().has_eval_data() ? config().eval_data() : config().train_data()));
  for (const std::string& name : train_loader_->source().dataset().class_names()) state.add_class_name(name);
  return state;
}

absl::Status Trainer::Log() {
  MetricsLine line;
  line.step = step_;
  line.epoch = epoch_;
  if (loss_count_ > 0) line.loss = loss_sum_ / static_cast<double>(loss_count_);
  line.learning_rate = last_rate_;
  line.gradient_norm = last_norm_;
  if (log_seconds_ > 0) line.examples_per_second = static_cast<double>(log_examples_) / log_seconds_;
  GRADUS_RETURN_IF_ERROR(log_->Append(line));
  logged_step_ = step_;
  loss_sum_ = log_seconds_ = 0;
  loss_count_ = log_examples_ = 0;
  return absl::OkStatus();
}

void Trainer::ShowProgress() {
  ProgressState state;
  state.step = step_;
  state.total_steps = span_.total_steps;
  state.epoch = epoch_ + (step_ < span_.total_steps ? 1 : 0);
  state.total_epochs = config().has_steps() ? 0 : (config().has_epochs() ? config().epochs() : 1);
  state.loss = last_loss_;
  state.learning_rate = last_rate_;
  state.examples_per_second = ExamplesPerSecond();
  for (const auto& [name, value] : results_) state.evaluation.emplace_back(absl::StrCat("eval_", name), value);
  progress_->Update(state);
}

double Trainer::ExamplesPerSecond() const { return seconds_ > 0 ? static_cast<double>(examples_) / seconds_ : 0; }

// A kernel knows an example by its place in the batch; a person by its number in the data set.
absl::Status Trainer::NameExample(const absl::Status& status, const Batch& batch) const {
  constexpr absl::string_view kMark = " of example ";
  const size_t at = status.message().find(kMark.data());
  if (at == absl::string_view::npos) return status;
  const std::string rest(status.message().substr(at + kMark.size()));
  const int64_t place = std::strtoll(rest.c_str(), nullptr, 10);
  if (place < 0 || place >= static_cast<int64_t>(batch.examples.size())) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; it is example ", batch.examples[place].index,
                                                  " of the data set"));
}

}  // namespace gradus
