#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/memory_limit.h"
#include "core/status_macros.h"
#include "train/model_variables.h"

namespace gradus {
namespace {

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The place in the batch of the first example with an f32 that is not finite, or -1.
int64_t FirstNotFinite(const Batch& batch) {
  const auto examples = static_cast<int64_t>(batch.examples.size());
  int64_t first = examples;
  for (const Tensor& column : batch.columns) {
    if (column.dtype() != DType::kFloat32 || column.empty()) continue;
    const absl::Span<const float> values = column.values<float>();
    const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    const int64_t each = static_cast<int64_t>(values.size()) / examples;
    if (bad != values.end()) first = std::min<int64_t>(first, (bad - values.begin()) / each);
  }
  return first == examples ? -1 : first;
}

}  // namespace

std::string TrainResult::ToJson() const {
  nlohmann::ordered_json json;  // prints what is not finite as null
  if (!stage.empty()) json["stage"] = stage;
  json["step"] = step;
  json["loss"] = loss;
  for (const auto& [name, value] : evaluation) json["eval_" + name] = value;
  json["examples_per_second"] = examples_per_second;
  json["data_wait"] = data_wait;
  json["skipped_examples"] = skipped_examples;
  json["peak_bytes"] = peak_bytes;
  return json.dump();
}

absl::StatusOr<TrainResult> Trainer::Run() {
  running_ = std::make_unique<Running>();
  const absl::Status status = RunToEnd();
  if (status.ok()) running_->progress.Finish();
  if (!status.ok() && saved_step_ >= 0) {
    running_->progress.Note(
        absl::StrCat("an error ends the run after step ", step_, "; its last checkpoint is of step ", saved_step_));
  }
  const int signal = running_->signal.signal_number();
  running_ = nullptr;  // the run folder is free again
  GRADUS_RETURN_IF_ERROR(status);
  TrainResult result;
  result.stage = file_.stage;
  result.step = step_;
  result.loss = last_loss_;
  result.evaluation = results_;
  result.examples_per_second = ExamplesPerSecond();
  result.data_wait = DataWait();
  result.skipped_examples = skipped_examples_;
  result.peak_bytes = PeakResidentBytes();
  result.signal = signal;
  result.exit_code = finished() || signal == 0 ? 0 : 128 + signal;
  return result;
}

absl::Status Trainer::RunToEnd() {
  GRADUS_RETURN_IF_ERROR(StartOrResume());
  while (!finished() && !running_->signal.requested()) {
    GRADUS_RETURN_IF_ERROR(Trace(/*last=*/false));
    GRADUS_RETURN_IF_ERROR(TrainStep());
    ++steps_here_;
    GRADUS_RETURN_IF_ERROR(AfterStep());
  }
  GRADUS_RETURN_IF_ERROR(Trace(/*last=*/true));
  if (finished() && evaluator_ != nullptr && evaluated_step_ != step_) GRADUS_RETURN_IF_ERROR(Evaluate());
  if (logged_step_ != step_ && loss_count_ > 0) GRADUS_RETURN_IF_ERROR(Log());
  return saved_step_ == step_ ? absl::OkStatus() : Save();
}

// One update: `accumulate` batches.
absl::Status Trainer::TrainStep() {
  const double start = Now(), waited_before = train_loader_->seconds_waited();
  last_rate_ = LearningRate(config().schedule(), span_, config().learning_rate(), step_);
  if (!std::isfinite(static_cast<float>(last_rate_))) {
    return ErrorAt(file_.source.Lookup("schedule"),
                   absl::StrCat("schedule makes the learning rate of step ", step_, " ", last_rate_));
  }
  StepResult result;
  do {
    const int64_t waiting = StepTrace::Now();
    absl::StatusOr<const Batch*> next = train_loader_->Next();
    if (!next.ok()) return OfStream("train_data", next.status());
    const Batch& batch = **next;
    NoteSkipped("train_data", batch);
    skipped_examples_ += static_cast<int64_t>(batch.skipped.size());
    const int64_t stepping = StepTrace::Now();
    if (trace_ != nullptr) trace_->Span("wait for data", waiting);
    absl::StatusOr<StepResult> stepped = learner_->Step(train_binding_->Feeds(batch), last_rate_);
    if (trace_ != nullptr) trace_->Span(absl::StrCat("step ", step_ + 1), stepping);
    if (!stepped.ok()) return NameExample("train_data", stepped.status(), batch);
    result = *stepped;
    examples_ += batch.num_examples;
    log_examples_ += batch.num_examples;
    examples_seen_ += batch.num_examples;
  } while (!result.updated);
  ++step_;
  last_loss_ = result.loss;
  last_norm_ = result.gradient_norm;
  loss_sum_ += result.loss;
  ++loss_count_;
  const double spent = Now() - start;
  const double waited = train_loader_->seconds_waited() - waited_before;
  seconds_ += spent;
  log_seconds_ += spent;
  waited_ += waited;
  log_waited_ += waited;
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
    ShowProgress();
  }
  const bool new_best = history_.has_best() && history_.best().step() == step_;
  return due(config().checkpoint().every_steps()) || new_best ? Save() : absl::OkStatus();
}

absl::Status Trainer::Evaluate() {
  GRADUS_RETURN_IF_ERROR(evaluator_->Start());
  GRADUS_RETURN_IF_ERROR(eval_loader_->Seek({0, 0}));
  for (int64_t i = 0; i < eval_loader_->BatchesInEpoch(0); ++i) {
    absl::StatusOr<const Batch*> batch = eval_loader_->Next();
    if (!batch.ok()) return OfStream("eval_data", batch.status());
    NoteSkipped("eval_data", **batch);
    const absl::Status added = evaluator_->Add(eval_binding_->Feeds(**batch), (*batch)->weights);
    if (!added.ok()) return NameExample("eval_data", added, **batch);
  }
  results_ = evaluator_->Results();
  evaluated_step_ = step_;
  MetricsLine line;
  line.step = step_;
  line.epoch = epoch_;
  line.evaluation = results_;
  GRADUS_RETURN_IF_ERROR(running_->log->Append(line));
  EvaluationRecord* record = history_.add_evaluation();
  record->set_step(step_);
  for (const auto& [name, value] : results_) {
    MetricValue* metric = record->add_metric();
    metric->set_name(name);
    metric->set_value(value);
  }
  judge_->Add(step_, results_, &history_);
  const std::string reason = judge_->StopReason(history_);
  stopped_early_ = !reason.empty();
  if (stopped_early_) running_->progress.Note(absl::StrCat("stopped early at step ", step_, ": ", reason));
  return absl::OkStatus();
}

absl::Status Trainer::Save() {
  GRADUS_RETURN_IF_ERROR(running_->log->Sync());
  GRADUS_RETURN_IF_ERROR(SaveCheckpoint(options_.run_dir, State(), ModelTensors(&learner_->variables()),
                                        OptimizerTensors(&learner_->variables()), config().checkpoint().keep()));
  saved_step_ = step_;
  return absl::OkStatus();
}

absl::Status Trainer::Log() {
  MetricsLine line;
  line.step = step_;
  line.epoch = epoch_;
  if (loss_count_ > 0) line.loss = loss_sum_ / static_cast<double>(loss_count_);
  line.learning_rate = last_rate_;
  line.gradient_norm = last_norm_;
  if (log_seconds_ > 0) {
    line.examples_per_second = static_cast<double>(log_examples_) / log_seconds_;
    line.data_wait = log_waited_ / log_seconds_;
  }
  if (skipped_examples_ > 0) line.skipped_examples = skipped_examples_;
  GRADUS_RETURN_IF_ERROR(running_->log->Append(line));
  logged_step_ = step_;
  loss_sum_ = log_seconds_ = log_waited_ = 0;
  loss_count_ = log_examples_ = 0;
  return absl::OkStatus();
}

// Called before each step and when the run ends: starts the trace after two steps of this process, and ends it three
// later.
absl::Status Trainer::Trace(bool last) {
  constexpr int64_t kWarmUps = 2, kTraced = 3;
  if (options_.trace.empty()) return absl::OkStatus();
  if (steps_here_ == kWarmUps && !last) {
    trace_ = std::make_unique<StepTrace>(&learner_->plan());
    trace_->Start();
  }
  if (trace_ == nullptr) {
    if (last && steps_here_ <= kWarmUps) running_->progress.Note("note: the run was too short for a trace");
    return absl::OkStatus();
  }
  if (steps_here_ < kWarmUps + kTraced && !last) return absl::OkStatus();
  const std::string json = trace_->ToJson(file_.model.written.name());
  trace_ = nullptr;
  const absl::Status written = WriteFileAtomically(options_.trace, json);
  if (!written.ok()) running_->progress.Note(absl::StrCat("note: there is no trace: ", written.message()));
  return absl::OkStatus();
}

void Trainer::ShowProgress() {
  const BatchPlace place = train_loader_->place();
  ProgressState state;
  state.step = step_;
  state.total_steps = span_.total_steps;
  state.epoch = place.number == 0 ? place.epoch : place.epoch + 1;  // at an epoch's end still that one
  state.total_epochs = config().has_steps() ? 0 : (config().has_epochs() ? config().epochs() : 1);
  state.loss = last_loss_;
  state.learning_rate = last_rate_;
  state.examples_per_second = ExamplesPerSecond();
  state.data_wait = DataWait();
  for (const auto& [name, value] : results_) state.evaluation.emplace_back(absl::StrCat("eval_", name), value);
  running_->progress.Update(state);
}

double Trainer::ExamplesPerSecond() const { return seconds_ > 0 ? static_cast<double>(examples_) / seconds_ : 0; }

double Trainer::DataWait() const { return seconds_ > 0 ? waited_ / seconds_ : 0; }

// Names each example that was left out, once.
void Trainer::NoteSkipped(const std::string& field, const Batch& batch) {
  for (const SkippedExample& example : batch.skipped) {
    if (!named_.insert(absl::StrCat(field, example.message)).second) continue;
    running_->progress.Note(absl::StrCat("left out of ", field, ": ", example.message));
  }
}

// An error of a data stream: "train.textproto:2:1: train_data: ...".
absl::Status Trainer::OfStream(const std::string& field, const absl::Status& status) const {
  return absl::Status(status.code(),
                      absl::StrCat(file_.source.Lookup(field).ToString(), ": ", field, ": ", status.message()));
}

// A kernel knows an example by its place in the batch, or not at all; a person by its number in the data set of
// `field`.
absl::Status Trainer::NameExample(const std::string& field, const absl::Status& status, const Batch& batch) const {
  const int64_t skipped = field == "eval_data" ? config().eval_data().skip() : config().train_data().skip();
  const auto named = [&](int64_t place) {
    return absl::StrCat("example ", skipped + batch.examples[place].index, " of ", field, " (",
                        file_.source.Lookup(field).ToString(), ")");
  };
  if (const int64_t place = FirstNotFinite(batch); absl::IsOutOfRange(status) && place >= 0) {
    return absl::OutOfRangeError(
        absl::StrCat(status.message(), "\n", named(place), " has numbers that are not finite"));
  }
  constexpr absl::string_view kMark = " of example ";
  const size_t at = status.message().find(kMark.data());
  if (at == absl::string_view::npos) return status;
  const std::string rest(status.message().substr(at + kMark.size()));
  const int64_t place = std::strtoll(rest.c_str(), nullptr, 10);
  if (place < 0 || place >= static_cast<int64_t>(batch.examples.size())) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; it is ", named(place)));
}

}  // namespace gradus
