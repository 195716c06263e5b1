// What of a run a checkpoint holds, and how the run goes on from one.
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "core/processor.h"
#include "core/status_macros.h"
#include "train/init_from.h"
#include "train/model_variables.h"
#include "train/trainer.h"
#include "train/version.h"

namespace gradus {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::TextFormat;

std::string PrintText(const google::protobuf::Message& message) {
  std::string text;
  TextFormat::PrintToString(message, &text);
  return text;
}

// A field's value (or its default) on one line.
std::string PrintField(const Training& training, const FieldDescriptor* field) {
  TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text, all;
  if (!field->is_repeated()) {
    printer.PrintFieldValueToString(training, field, -1, &text);
    return field->message_type() == nullptr ? text : absl::StrCat("{ ", text, "}");
  }
  for (int i = 0; i < training.GetReflection()->FieldSize(training, field); ++i) {
    printer.PrintFieldValueToString(training, field, i, &text);
    absl::StrAppend(&all, i > 0 ? " " : "", "{ ", text, "}");
  }
  return all.empty() ? "none" : all;
}

// The first of what differs between the model of the run so far, as text, and `now`: "layer[1].dropout.rate: 0.5 ->
// 0.3";
// "" when nothing does.
std::string FirstChange(const std::string& before, const Model& now) {
  using ::google::protobuf::util::MessageDifferencer;
  constexpr size_t kMostShown = 300;
  Model then;
  TextFormat::Parser parser;
  parser.AllowUnknownField(true);
  if (before.empty() || before == PrintText(now) || !parser.ParseFromString(before, &then)) return "";
  std::string changes;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&changes);
  differencer.Compare(then, now);
  std::string first = changes.substr(0, changes.find('\n'));
  if (first.size() > kMostShown) first = absl::StrCat(first.substr(0, kMostShown), "...");
  return std::string(absl::StripPrefix(first, "modified: "));
}

// Fields that may change from one part of a run to the next without a word, or have a word of their own.
bool MayChange(const std::string& field) {
  constexpr absl::string_view kFields[] = {
      "model",      "eval_data",  "eval_batch_size", "epochs",          "steps",
      "evaluation", "checkpoint", "early_stop",      "stop_when",       "init_from",
      "seed",       "threads",    "memory_budget",   "log_every_steps", "loader_threads"};
  for (absl::string_view name : kFields) {
    if (name == field) return true;
  }
  return false;
}

}  // namespace

absl::Status Trainer::StartOrResume() {
  Progress& progress = running_->progress;
  running_->folder = options_.folder;
  if (running_->folder == nullptr) {
    GRADUS_ASSIGN_OR_RETURN(RunFolder folder, RunFolder::Open(options_.run_dir, options_.resume));
    running_->folder = std::make_shared<RunFolder>(std::move(folder));
  }
  for (const std::string& note : notes_) progress.Note(note);
  std::optional<Checkpoint> checkpoint;
  if (options_.resume) {
    std::vector<std::string> skipped;
    absl::StatusOr<std::optional<Checkpoint>> newest = RecoverNewestCheckpoint(options_.run_dir, &skipped);
    for (const std::string& message : skipped) progress.Note(absl::StrCat("skipped: ", message));
    if (absl::IsDataLoss(newest.status())) {
      return absl::DataLossError(absl::StrCat("all checkpoints of the run '", options_.run_dir,
                                              "' are damaged (see above); start afresh in another run folder"));
    }
    GRADUS_RETURN_IF_ERROR(newest.status());
    checkpoint = *std::move(newest);
  }
  if (checkpoint) GRADUS_RETURN_IF_ERROR(Resume(*checkpoint));
  const std::string metrics = running_->folder->MetricsPath();
  GRADUS_RETURN_IF_ERROR(TruncateMetricsLog(metrics, checkpoint ? step_ : -1));
  GRADUS_ASSIGN_OR_RETURN(MetricsLog log, MetricsLog::Open(metrics));
  running_->log = std::make_unique<MetricsLog>(std::move(log));
  GRADUS_RETURN_IF_ERROR(WriteRunKernels(options_.run_dir, Kernels()));
  return checkpoint ? absl::OkStatus() : Start();
}

absl::Status Trainer::Start() {
  Progress& progress = running_->progress;
  if (options_.resume) {
    progress.Note("there is no checkpoint to go on from: the run starts at step 0");
    const auto note = [&progress](const std::string& line) { progress.Note(line); };
    GRADUS_RETURN_IF_ERROR(InitializeFrom(file_, options_.stages_dir, &learner_->variables(), note));
  }
  if (config().evaluation().at_start() && evaluator_ != nullptr) GRADUS_RETURN_IF_ERROR(Evaluate());
  if (config().checkpoint().at_start() || history_.has_best()) GRADUS_RETURN_IF_ERROR(Save());
  return absl::OkStatus();
}

absl::Status Trainer::Resume(const Checkpoint& checkpoint) {
  const CheckpointState& state = checkpoint.state();
  if (state.stage() != file_.stage) {
    const auto name = [](const std::string& stage) {
      return stage.empty() ? std::string("no stage of several") : absl::StrCat("the stage '", stage, "'");
    };
    return ErrorAt(file_.source.Lookup(""),
                   absl::StrCat("the run in '", options_.run_dir, "' is ", name(state.stage()),
                                ", but this training is ", name(file_.stage), "; use another run folder"));
  }
  Training before;
  TextFormat::Parser parser;
  parser.AllowUnknownField(true);
  if (!parser.ParseFromString(state.training(), &before)) before = config();
  GRADUS_RETURN_IF_ERROR(CheckClasses(state));
  GRADUS_RETURN_IF_ERROR(RestoreAll(checkpoint, before));
  NoteChanges(state, before);

  step_ = state.step();
  epoch_ = state.epoch();
  examples_seen_ = state.examples_seen();
  learner_->set_step(step_);
  if (state.data_cursor_size() > 0) {
    // The first batch, of this size, that begins where the run was.
    const DataCursor& cursor = state.data_cursor(0);
    const int64_t batch = cursor.batch() * before.batch_size() / config().batch_size();
    GRADUS_RETURN_IF_ERROR(train_loader_->Seek({cursor.epoch(), batch}, cursor.skipped()));
  }
  saved_step_ = logged_step_ = step_;
  if (state.has_best()) *history_.mutable_best() = state.best();
  if (state.has_early_stop()) *history_.mutable_early_stop() = state.early_stop();
  *history_.mutable_evaluation() = state.evaluation();
  if (judge_ != nullptr) {
    judge_->DropOthers(&history_);
    stopped_early_ = !judge_->StopReason(history_).empty();
  }
  if (state.evaluation_size() > 0 && evaluator_ != nullptr) {
    const EvaluationRecord& last = state.evaluation(state.evaluation_size() - 1);
    if (last.step() == step_) evaluated_step_ = step_;
    for (const MetricValue& metric : last.metric()) results_.emplace_back(metric.name(), metric.value());
  }
  running_->progress.Note(absl::StrCat("resumed at step ", step_, " from ", checkpoint.folder(),
                                       finished() ? ", where the run has ended: nothing is left to do" : ""));
  return absl::OkStatus();
}

// Sets all variables, or says why the run cannot go on with these files. `before`: the training of the run so far.
absl::Status Trainer::RestoreAll(const Checkpoint& checkpoint, const Training& before) {
  const std::string run = absl::StrCat("the run in '", options_.run_dir, "'");
  if (const uint64_t seed = checkpoint.state().seed(); seed != config().seed()) {
    return ErrorAt(file_.source.Lookup("seed"),
                   absl::StrCat("seed is ", config().seed(), ", but ", run, " has seed ", seed,
                                "; go on with that one (--set=seed=", seed, "), or use another run folder"));
  }
  const absl::Status restored = RestoreVariables(checkpoint, /*optimizer=*/true, &learner_->variables());
  if (!absl::IsFailedPrecondition(restored)) return restored;
  const FieldDescriptor* optimizer = Training::descriptor()->FindFieldByName("optimizer");
  const std::string then = PrintField(before, optimizer), now = PrintField(config(), optimizer);
  if (absl::StrContains(restored.message(), checkpoint.optimizer().path()) && then != now) {
    return ErrorAt(file_.source.Lookup("optimizer"),
                   absl::StrCat("optimizer is ", now, ", but ", run, " has ", then,
                                ", whose state is of no use to it; go on with that one, or start another run from ",
                                "these weights by `init_from { checkpoint: \"", options_.run_dir, "\" }`"));
  }
  return ErrorAt(file_.model.model.Where(""),
                 absl::StrCat(run, " cannot go on with this model: ", restored.message(),
                              "; its own model is in its state.textproto, or use another run folder"));
}

// With other classes the labels would mean other things than the weights have learnt.
absl::Status Trainer::CheckClasses(const CheckpointState& state) const {
  const std::vector<std::string> then(state.class_name().begin(), state.class_name().end());
  const std::vector<std::string> now = train_loader_->source().dataset().class_names();
  if (then.empty() || then == now) return absl::OkStatus();
  size_t first = 0;
  while (first < then.size() && first < now.size() && then[first] == now[first]) ++first;
  const auto name = [first](const std::vector<std::string>& names) {
    return first < names.size() ? absl::StrCat("'", names[first], "'") : "none";
  };
  return OfStream("train_data", absl::FailedPreconditionError(
                                    absl::StrCat("the run so far had ", then.size(), " classes, now there are ",
                                                 now.size(), "; class ", first, " was ", name(then), " and is ",
                                                 name(now), "; train on the same classes, or start another run")));
}

// Tells what else than ordinary has changed since the checkpoint was saved.
void Trainer::NoteChanges(const CheckpointState& state, const Training& before) {
  Progress& progress = running_->progress;
  for (int i = 0; i < Training::descriptor()->field_count(); ++i) {
    const FieldDescriptor* field = Training::descriptor()->field(i);
    const std::string then = PrintField(before, field), now = PrintField(config(), field);
    if (then == now || MayChange(field->name())) continue;
    progress.Note(absl::StrCat("note: ", field->name(), " was ", then, " in the run so far, now it is ", now));
  }
  if (const std::string change = FirstChange(state.expanded_model(), file_.model.model.model()); !change.empty()) {
    progress.Note(absl::StrCat("note: the model is another than in the run so far: ", change));
  }
  constexpr char kLastDigits[] = "; results will differ in the last digits";
  if (state.threads() != learner_->session().threads()) {
    progress.Note(absl::StrCat("note: threads was ", state.threads(), " in the run so far, now it is ",
                               learner_->session().threads(), kLastDigits));
  }
  if (state.instruction_set() != InstructionSet()) {
    progress.Note(absl::StrCat("note: the run so far was on a processor with ", state.instruction_set(),
                               ", this one has ", InstructionSet(), kLastDigits));
  }
  if (kernels_differ_) {
    progress.Note(absl::StrCat("note: the kernels of the run so far do not serve here", kLastDigits));
  }
}

CheckpointState Trainer::State() const {
  CheckpointState state = history_;
  state.set_library_version(kVersion);
  if (!file_.stage.empty()) state.set_stage(file_.stage);
  state.set_step(step_);
  state.set_epoch(epoch_);
  state.set_examples_seen(examples_seen_);
  DataCursor* cursor = state.add_data_cursor();
  cursor->set_epoch(train_loader_->place().epoch);
  cursor->set_batch(train_loader_->place().number);
  if (train_loader_->skipped_in_epoch() > 0) cursor->set_skipped(train_loader_->skipped_in_epoch());
  state.set_seed(config().seed());
  state.set_threads(learner_->session().threads());
  state.set_instruction_set(InstructionSet());
  RunKernels kernels = Kernels();
  *state.mutable_kernel_choice() = std::move(*kernels.mutable_kernel_choice());
  *state.mutable_evaluation_kernel_choice() = std::move(*kernels.mutable_evaluation_kernel_choice());
  const auto keep = [&state](const std::string& name, const std::string& text) {
    SourceFile* source = state.add_source_file();
    source->set_name(name);
    source->set_text(text);
  };
  keep(file_.path, *file_.text);
  keep(file_.model.path, file_.model.text);
  for (const SourceText& import : file_.model.imports) keep(import.path, import.text);
  state.set_expanded_model(PrintText(file_.model.model.model()));
  state.set_training(PrintText(config()));
  state.set_evaluation_preprocessing(
      PrintText(config().has_eval_data() ? config().eval_data() : config().train_data()));
  for (const std::string& name : train_loader_->source().dataset().class_names()) state.add_class_name(name);
  return state;
}

}  // namespace gradus
