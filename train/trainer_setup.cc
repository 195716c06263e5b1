// Trainer::Create: data, length and plan of a run.
#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "core/processor.h"
#include "core/status_macros.h"
#include "data/stream.h"
#include "train/init_from.h"
#include "train/trainer.h"
#include "train/version.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(TrainingFile file, TrainerOptions options) {
  std::unique_ptr<Trainer> trainer(new Trainer(std::move(file), std::move(options)));
  GRADUS_RETURN_IF_ERROR(trainer->OpenData());
  GRADUS_RETURN_IF_ERROR(trainer->PlanLength());
  GRADUS_RETURN_IF_ERROR(trainer->Compile());
  if (trainer->evaluator_ != nullptr) {
    GRADUS_ASSIGN_OR_RETURN(Judge judge, Judge::Make(trainer->file_, *trainer->evaluator_));
    trainer->judge_ = std::make_unique<Judge>(std::move(judge));
  }
  if (!trainer->options_.resume && !trainer->options_.plan_only) {
    const auto note = [&trainer](const std::string& line) { trainer->notes_.push_back(line); };
    GRADUS_RETURN_IF_ERROR(
        InitializeFrom(trainer->file_, trainer->options_.stages_dir, &trainer->learner_->variables(), note));
  }
  return trainer;
}

absl::Status Trainer::OpenData() {
  GRADUS_ASSIGN_OR_RETURN(train_loader_, OpenLoader("train_data"));
  GRADUS_ASSIGN_OR_RETURN(DataBinding train, DataBinding::Make(file_, "train_data", train_loader_->columns()));
  train_binding_ = std::make_unique<DataBinding>(std::move(train));
  if (!config().has_eval_data() && options_.eval_dataset == nullptr) return absl::OkStatus();
  GRADUS_ASSIGN_OR_RETURN(eval_loader_, OpenLoader("eval_data"));
  GRADUS_ASSIGN_OR_RETURN(DataBinding eval, DataBinding::Make(file_, "eval_data", eval_loader_->columns()));
  eval_binding_ = std::make_unique<DataBinding>(std::move(eval));
  return absl::OkStatus();
}

// `field`: "train_data" or "eval_data".
absl::StatusOr<std::unique_ptr<Loader>> Trainer::OpenLoader(const std::string& field) const {
  const bool train = field == "train_data";
  const DataStream& stream = train ? config().train_data() : config().eval_data();
  const TransformMode mode = train ? TransformMode::kTrain : TransformMode::kEvaluate;
  const std::shared_ptr<const Dataset>& own = train ? options_.train_dataset : options_.eval_dataset;
  DatasetContext context{options_.data_dir, {}};
  if (!train) context.class_names = train_loader_->source().dataset().class_names();
  absl::StatusOr<ExampleSource> source =
      own != nullptr ? ExampleSource::Make(own, stream.transform(), mode) : OpenStream(stream, context, mode);
  if (absl::IsNotFound(source.status())) {
    const std::string folder = options_.data_dir.empty() ? "not given" : absl::StrCat("'", options_.data_dir, "'");
    return OfStream(field, absl::NotFoundError(absl::StrCat(source.status().message(),
                                                            "; paths start from --data_dir, which is ", folder)));
  }
  if (!source.ok()) return OfStream(field, source.status());
  LoaderOptions options;
  options.batch_size = !train && config().has_eval_batch_size() ? config().eval_batch_size() : config().batch_size();
  options.shuffle = stream.has_shuffle() ? stream.shuffle() : train && source->dataset().streams() == 0;
  options.seed = config().seed();
  options.remainder = !train                                   ? Remainder::kPad
                      : config().remainder() == Training::WRAP ? Remainder::kWrap
                                                               : Remainder::kDrop;
  options.threads = LoaderThreads(config());
  absl::StatusOr<std::unique_ptr<Loader>> loader = Loader::Make(*std::move(source), options);
  if (!loader.ok()) return OfStream(field, loader.status());
  return loader;
}

// The number of steps, and the schedule over them.
absl::Status Trainer::PlanLength() {
  const double examples = static_cast<double>(train_loader_->num_examples());
  const double batches = config().remainder() == Training::WRAP ? examples / static_cast<double>(config().batch_size())
                                                                : static_cast<double>(train_loader_->BatchesInEpoch(0));
  span_.steps_per_epoch = batches / static_cast<double>(config().accumulate());
  const int64_t epochs = config().has_epochs() ? config().epochs() : 1;
  const double steps = std::floor(static_cast<double>(epochs) * span_.steps_per_epoch + 1e-9);
  constexpr double kMostSteps = 1e15;  // exact in a double
  span_.total_steps = config().has_steps() ? config().steps() : static_cast<int64_t>(std::min(steps, kMostSteps));
  if (span_.total_steps < 1) {
    return ErrorAt(file_.source.Lookup("accumulate"),
                   absl::StrCat("the run has no step: one takes ", config().accumulate(),
                                config().accumulate() == 1 ? " batch of " : " batches of ", config().batch_size(),
                                " examples, but ", epochs, epochs == 1 ? " epoch has " : " epochs have ",
                                static_cast<double>(epochs) * batches,
                                "; use more epochs, a smaller batch_size or less of accumulate"));
  }
  const absl::Status checked = CheckSchedule(config().schedule(), span_);
  if (!checked.ok()) return ErrorAt(file_.source.Lookup("schedule"), checked.message());
  return absl::OkStatus();
}

absl::Status Trainer::Compile() {
  if (!options_.trace.empty()) GRADUS_RETURN_IF_ERROR(CheckWritable(options_.trace));
  const RunKernels earlier = EarlierKernels();
  absl::Status compiled = CompileWith(earlier);
  if (absl::IsFailedPrecondition(compiled) && earlier.evaluation_kernel_choice_size() > 0) {
    RunKernels training_only = earlier;  // another eval_batch_size makes other shapes
    training_only.clear_evaluation_kernel_choice();
    compiled = CompileWith(training_only);
  }
  if (absl::IsFailedPrecondition(compiled) && earlier.kernel_choice_size() > 0) {
    kernels_differ_ = true;  // another model, perhaps: resuming has the words for it
    compiled = CompileWith({});
  }
  if (options_.tuning != nullptr && !options_.plan_only) {  // a plan has nobody to tell
    for (std::string& warning : options_.tuning->TakeWarnings()) notes_.push_back(std::move(warning));
  }
  return PlaceOfCompiling(compiled);
}

absl::Status Trainer::CompileWith(const RunKernels& kernels) {
  LearnerOptions options;
  options.training_source = file_.source;
  options.debug_arena = options_.debug_arena;
  options.passes = options_.passes;
  options.kernel_choices = ChoicesOf(kernels.kernel_choice());
  options.inference_choices = ChoicesOf(kernels.evaluation_kernel_choice());
  options.tuning = options_.tuning;
  options.input_dims = train_binding_->input_dims();
  while (true) {
    GRADUS_ASSIGN_OR_RETURN(learner_, Learner::Create(file_.model, config(), options));
    if (eval_loader_ == nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Evaluator>> evaluator = Evaluator::Create(
        file_.model.model, &learner_->session(), eval_loader_->options().batch_size, eval_binding_->input_dims());
    if (evaluator.ok()) {
      if ((*evaluator)->HasResults()) evaluator_ = *std::move(evaluator);
      return absl::OkStatus();
    }
    // Evaluation may want weights in further layouts: training must leave room for them in the budget.
    const int64_t missing = learner_->session().memory().total() - config().memory_budget();
    if (config().memory_budget() == 0 || options.memory_reserve > 0 || missing <= 0) return evaluator.status();
    options.memory_reserve = missing;
  }
}

RunKernels Trainer::Kernels() const {
  RunKernels kernels;
  kernels.set_library_version(kVersion);
  kernels.set_threads(learner_->session().threads());
  kernels.set_instruction_set(InstructionSet());
  Record(learner_->plan(), kernels.mutable_kernel_choice());
  if (evaluator_ != nullptr) Record(evaluator_->plan(), kernels.mutable_evaluation_kernel_choice());
  return kernels;
}

// What the run so far chose, if it was on a machine like this one: then the rest gives the same bytes.
RunKernels Trainer::EarlierKernels() const {
  if (!options_.resume) return {};
  std::vector<std::string> skipped;  // told about when the run is resumed
  absl::StatusOr<std::optional<Checkpoint>> checkpoint = OpenNewestCheckpoint(options_.run_dir, &skipped);
  RunKernels kernels;
  if (checkpoint.ok() && *checkpoint) {
    const CheckpointState& state = (*checkpoint)->state();
    kernels.set_library_version(state.library_version());
    kernels.set_threads(state.threads());
    kernels.set_instruction_set(state.instruction_set());
    *kernels.mutable_kernel_choice() = state.kernel_choice();
    *kernels.mutable_evaluation_kernel_choice() = state.evaluation_kernel_choice();
  } else {
    kernels = ReadRunKernels(options_.run_dir);
  }
  const int threads = config().threads() > 0 ? config().threads() : AvailableCores();
  const bool fits = kernels.instruction_set() == InstructionSet() && kernels.threads() == threads &&
                    kernels.library_version() == kVersion;
  return fits ? kernels : RunKernels();
}

// What is said about the plan as a whole gets the place of what decides its size, or else the model's.
absl::Status Trainer::PlaceOfCompiling(const absl::Status& status) const {
  const absl::string_view message = status.message();
  if (status.ok() || absl::StrContains(message, file_.path) || absl::StrContains(message, file_.model.path) ||
      absl::StartsWith(message, "--set=")) {
    return status;
  }
  std::string place = file_.model.path;
  if (absl::IsResourceExhausted(status)) {
    const bool budget = absl::StrContains(message, "memory_budget");
    place = file_.source.Lookup(budget ? "memory_budget" : "batch_size").ToString();
  }
  return absl::Status(status.code(), absl::StrCat(place, ": ", message));
}

std::string Trainer::Describe() const {
  const MemoryNeed need = learner_->session().memory();
  const int threads = learner_->session().threads();
  std::string text = absl::StrCat("model      ", file_.model.written.name(), " (", file_.model.path, ")\n");
  absl::StrAppend(&text, "training   ", HumanCount(train_loader_->num_examples()), " examples, ",
                  HumanCount(span_.total_steps), span_.total_steps == 1 ? " step of " : " steps of ",
                  HumanCount(config().batch_size() * config().accumulate()), ", ", threads,
                  threads == 1 ? " thread\n" : " threads\n");
  if (evaluator_ != nullptr) {
    absl::StrAppend(&text, "evaluation ", HumanCount(eval_loader_->num_examples()), " examples\n");
  }
  absl::StrAppend(&text, "memory     ", HumanBytes(need.total()), " planned: ", HumanBytes(need.arena),
                  " for activations, gradients and scratch, ", HumanBytes(need.variables), " for variables");
  const RecomputationNote& again = learner_->plan().recomputation();
  if (again.steps > 0) {
    absl::StrAppend(&text, "\n           ", HumanCount(again.steps), again.steps == 1 ? " step runs" : " steps run",
                    " twice to save ", HumanBytes(again.saved_bytes), ", for about ",
                    absl::StrFormat("%.1f", 100 * again.price), " % more time");
  }
  for (const Loader* loader : {train_loader_.get(), eval_loader_.get()}) {
    if (loader == nullptr) continue;
    for (const std::string& note : loader->source().dataset().notes()) absl::StrAppend(&text, "\nnote       ", note);
  }
  return text;
}

}  // namespace gradus
