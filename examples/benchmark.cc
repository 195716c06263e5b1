// Times a network: see kUsage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/file.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/pass_flags.h"
#include "examples/step_table.h"
#include "graph/kernel_search.h"
#include "graph/kernel_timer.h"
#include "graph/load_model.h"
#include "graph/op.h"
#include "graph/step_trace.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace {

constexpr double kMostSeconds = 3600;

constexpr char kUsage[] = R"(Times a network on synthetic input.

  benchmark --model=lenet.textproto --batch=64 --mode=train
  benchmark --model=lenet.textproto --batch=1 --mode=infer --json
  benchmark --model=resnet50.textproto --batch=16 --tuning_cache=tuning.json

A training step is forward, backward and the update of SGD with momentum. The table has each step of the compiled plan;
`alone` is its time on memory that the caches do not hold. The limit is what the operations of the model, before any
were fused, would take if each ran alone like that with its fastest kernel in any layout, with nothing between them. It
is timed between groups of steps, in turn.

--tuning_cache=FILE chooses kernels by their times on this machine. Times that the file does not have are measured, which
takes as long as some tens of steps, and added to it.

--trace=FILE writes three steps as Chrome's trace events; https://ui.perfetto.dev shows them.

--json prints one object: ms_per_step (median), examples_per_second, ready_ms (from the model's file to the first step),
arena_bytes, planned_bytes, peak_rss_bytes (from compiling to the last step, without tuning and limit),
rss_before_compile_bytes, steps_run_again and predicted_price (what is computed twice to save memory, and its part of the
time), reorders (of activations, in a step), weight_reorders (of variables, once per update); with the limit, ms_per_step
is the median of those timed in turn with limit_ms (median, too), step_per_limit is the median of their ratios, and
steps_ms the sum of the plan's own steps timed alone as the limit is.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file");
ABSL_FLAG(int64_t, batch, 64, "examples per step");
ABSL_FLAG(std::string, mode, "train", "train or infer");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core");
ABSL_FLAG(bool, json, false, "print one JSON object and nothing else");
ABSL_FLAG(double, seconds, 3, "how long to time steps; three at least");
ABSL_FLAG(int64_t, memory_budget, 0, "bytes that a training plan may need in all; 0: what the machine has");
ABSL_FLAG(bool, recompute, true, "let a training plan compute values twice where that saves memory");
ABSL_FLAG(bool, print_memory_plan, false, "draw the plan's memory over time instead of timing it");
ABSL_FLAG(std::string, tuning_cache, "", "file of kernels' times: choose kernels by them, and measure those it lacks");
ABSL_FLAG(std::string, trace, "", "file to write a trace of three steps to");
ABSL_FLAG(bool, limit, true, "time each operation's kernels alone, too");

namespace gradus {
namespace {

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// One batch for every input: floats uniform in [-0.5, 0.5), labels 0, 1, 2, ... below the number of classes.
class SyntheticBatch {
 public:
  SyntheticBatch(const Network& network) {
    int64_t classes = 2;
    if (!network.outputs.empty()) {
      const Shape& shape = network.graph.type(network.outputs[0].value).shape;
      if (shape.rank() > 1) classes = std::max<int64_t>(1, shape[shape.rank() - 1]);
    }
    RandomSequence random(1, "benchmark");
    for (const NamedValue& input : network.inputs) {
      Tensor tensor(network.graph.type(input.value));
      if (tensor.dtype() == DType::kInt32) {
        int64_t next = 0;
        for (int32_t& label : tensor.values<int32_t>()) label = static_cast<int32_t>(next++ % classes);
      } else {
        for (float& x : tensor.values<float>()) x = static_cast<float>(random.Uniform(-0.5, 0.5));
      }
      names_.push_back(input.name);
      tensors_.push_back(std::move(tensor));
    }
    for (size_t i = 0; i < names_.size(); ++i) feeds_.push_back({names_[i], &tensors_[i]});
  }
  absl::Span<const InputFeed> feeds() const { return feeds_; }

 private:
  std::vector<std::string> names_;
  std::vector<Tensor> tensors_;
  std::vector<InputFeed> feeds_;
};

// What is timed: a step of training or of inference.
struct Subject {
  std::unique_ptr<Learner> learner;
  std::unique_ptr<Predictor> predictor;

  absl::Status Step(absl::Span<const InputFeed> feeds) {
    if (learner != nullptr) return learner->Step(feeds, 1e-4).status();
    return predictor->RunInPlace(feeds);
  }
  // Gets memory for everything, so that the next step can run.
  absl::Status Prepare() {
    if (learner != nullptr) return learner->session().Prepare(&plan());
    return predictor->session().Prepare(&plan());
  }
  Plan& plan() { return learner != nullptr ? learner->plan() : predictor->plan(); }
  MemoryNeed memory() { return learner != nullptr ? learner->session().memory() : plan().memory(); }
};

Training TrainingFor(int64_t batch, int threads) {
  Training training;
  training.set_batch_size(batch);
  training.set_threads(threads);
  training.set_memory_budget(absl::GetFlag(FLAGS_memory_budget));
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  return training;
}

absl::StatusOr<Subject> Compile(const LoadedModel& model, bool train, int64_t batch, int threads,
                                std::shared_ptr<TuningCache> tuning) {
  Subject subject;
  if (train) {
    LearnerOptions options;
    options.recompute = absl::GetFlag(FLAGS_recompute);
    options.passes = PassOptionsOfFlags();
    options.tuning = std::move(tuning);
    GRADUS_ASSIGN_OR_RETURN(subject.learner, Learner::Create(model, TrainingFor(batch, threads), options));
  } else {
    SessionOptions options;
    options.threads = threads;
    options.passes = PassOptionsOfFlags();
    options.tuning = std::move(tuning);
    GRADUS_ASSIGN_OR_RETURN(subject.predictor,
                            Predictor::Create(model.model, std::make_shared<VariableStore>(), batch, options));
  }
  return subject;
}

// The model's operations as they are before any are fused.
absl::StatusOr<Program> UnfusedProgram(const LoadedModel& model, bool train, int64_t batch) {
  Program program;
  if (train) {
    std::vector<LossScale> losses;
    GRADUS_ASSIGN_OR_RETURN(program, BuildTrainingProgram(model, TrainingFor(batch, 0), {}, &losses));
  } else {
    LowerOptions lower;
    lower.mode = Mode::kInfer;
    lower.batch = batch;
    GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
    program = BuildForward(std::move(network));
  }
  PassOptions passes;
  for (const Pass& pass : Pipeline()) {
    if (pass.name != "prune" && pass.name != "merge_equal") passes.skip.push_back(pass.name);
  }
  GRADUS_RETURN_IF_ERROR(RunPasses(&program, passes));
  return program;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

absl::StatusOr<std::vector<double>> TimeWholeSteps(Subject* subject, absl::Span<const InputFeed> feeds) {
  constexpr int kMostWarmUps = 10;
  constexpr size_t kLeastSteps = 3;
  const double seconds = absl::GetFlag(FLAGS_seconds);
  double start = Now();
  for (int i = 0; i < 2 || (i < kMostWarmUps && Now() - start < seconds); ++i) {
    GRADUS_RETURN_IF_ERROR(subject->Step(feeds));
  }
  std::vector<double> times;
  start = Now();
  while (times.size() < kLeastSteps || Now() - start < seconds) {
    const double before = Now();
    GRADUS_RETURN_IF_ERROR(subject->Step(feeds));
    times.push_back((Now() - before) * 1e3);
  }
  return times;
}

// Steps and their limit, timed in turn.
struct Comparison {
  double step_ms = 0, limit_ms = 0, ratio = 0;  // medians
};
absl::StatusOr<Comparison> CompareWithLimit(Subject* subject, absl::Span<const InputFeed> feeds, LimitTimer* limit) {
  constexpr int kRounds = 7;
  const double seconds = absl::GetFlag(FLAGS_seconds) / kRounds;
  std::vector<double> steps, limits, ratios;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> times;
    GRADUS_RETURN_IF_ERROR(subject->Step(feeds));  // what the limit's kernels have driven out of the caches
    for (const double start = Now(); times.empty() || Now() - start < seconds;) {
      const double before = Now();
      GRADUS_RETURN_IF_ERROR(subject->Step(feeds));
      times.push_back((Now() - before) * 1e3);
    }
    steps.push_back(Median(times));
    GRADUS_ASSIGN_OR_RETURN(const double all, limit->Time());
    limits.push_back(all);
    ratios.push_back(steps.back() / all);
  }
  return Comparison{Median(steps), Median(limits), Median(ratios)};
}

// Steps timed as they run, or each on cold memory.
absl::StatusOr<std::vector<double>> TimeSteps(Subject* subject, absl::Span<const InputFeed> feeds, double seconds,
                                              std::function<void()> before) {
  StepTrace trace(&subject->plan(), std::move(before));
  trace.Start();
  const double start = Now();
  for (int i = 0; i < 3 || (i < 50 && Now() - start < seconds); ++i) GRADUS_RETURN_IF_ERROR(subject->Step(feeds));
  return trace.Medians();
}

absl::Status WriteTrace(Subject* subject, absl::Span<const InputFeed> feeds, const std::string& path,
                        const std::string& title) {
  StepTrace trace(&subject->plan());
  trace.Start();
  for (int i = 1; i <= 3; ++i) {
    const int64_t begin = StepTrace::Now();
    GRADUS_RETURN_IF_ERROR(subject->Step(feeds));
    trace.Span(absl::StrCat("step ", i), begin);
  }
  return WriteFileAtomically(path, trace.ToJson(title));
}

std::string MemoryLine(Subject& subject) {
  std::string line = absl::StrCat(HumanBytes(subject.memory().arena), " arena, ", HumanBytes(subject.memory().total()),
                                  " planned in all");
  const RecomputationNote& again = subject.plan().recomputation();
  if (again.steps > 0) {
    absl::StrAppend(&line, " (", again.steps, " steps run twice to save ", HumanBytes(again.saved_bytes),
                    ", for about ", absl::StrFormat("%.1f", 100 * again.price), " % more time)");
  }
  return line;
}

absl::StatusOr<int> Benchmark(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", absl::GetFlag(FLAGS_batch), 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("memory_budget", absl::GetFlag(FLAGS_memory_budget), 0));
  if (const double seconds = absl::GetFlag(FLAGS_seconds); !(seconds >= 0 && seconds <= kMostSeconds)) {
    return WrongFlags(absl::StrCat("--seconds is ", seconds, "; it must be between 0 and ", kMostSeconds));
  }
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  const std::string mode = absl::GetFlag(FLAGS_mode);
  if (mode != "train" && mode != "infer") {
    return WrongFlags(absl::StrCat("--mode is '", mode, "'; it must be train or infer"));
  }
  const bool train = mode == "train";
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  const double start = Now();
  GRADUS_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  LowerOptions lower;
  lower.mode = train ? Mode::kTrain : Mode::kInfer;
  lower.batch = batch;
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
  const double loaded = Now();
  const SyntheticBatch data(network);

  const int threads = absl::GetFlag(FLAGS_threads) > 0 ? absl::GetFlag(FLAGS_threads) : AvailableCores();
  const std::string cache = absl::GetFlag(FLAGS_tuning_cache);
  std::shared_ptr<TuningCache> tuning;
  if (!cache.empty()) tuning = std::make_shared<TuningCache>(threads, UserPath(cache));
  const int64_t rss_before = ResidentBytes();
  const double compiling = Now();
  GRADUS_ASSIGN_OR_RETURN(Subject subject, Compile(model, train, batch, threads, tuning));
  Plan& plan = subject.plan();
  if (absl::GetFlag(FLAGS_print_memory_plan)) {
    std::printf("%s\n%s\n", plan.DrawMemory().c_str(), MemoryLine(subject).c_str());
    return 0;
  }
  ForgetPeakResidentBytes();
  GRADUS_RETURN_IF_ERROR(subject.Prepare());
  const double ready_ms = (Now() - compiling + loaded - start) * 1e3;
  GRADUS_ASSIGN_OR_RETURN(std::vector<double> times, TimeWholeSteps(&subject, data.feeds()));
  const int64_t peak_rss = PeakResidentBytes();
  double ms = Median(times);

  nlohmann::ordered_json json;
  json["model"] = model.written.name();
  json["mode"] = mode;
  json["batch"] = batch;
  json["ms_per_step"] = ms;
  json["examples_per_second"] = static_cast<double>(batch) / ms * 1e3;
  json["ready_ms"] = ready_ms;
  json["arena_bytes"] = plan.memory().arena;
  json["planned_bytes"] = subject.memory().total();
  json["peak_rss_bytes"] = peak_rss;
  json["rss_before_compile_bytes"] = rss_before;
  json["steps_run_again"] = plan.recomputation().steps;
  json["predicted_price"] = plan.recomputation().price;
  json["reorders"] = plan.reorders();
  json["weight_reorders"] = plan.weight_reorders();
  if (const std::string path = absl::GetFlag(FLAGS_trace); !path.empty()) {
    GRADUS_RETURN_IF_ERROR(WriteTrace(&subject, data.feeds(), UserPath(path), model.written.name()));
  }
  std::map<std::string, NodeLimit> limits;
  std::vector<double> cold;
  Comparison comparison;
  if (absl::GetFlag(FLAGS_limit)) {
    PlanOptions options;
    options.threads = threads;
    TuningCache times_now(threads);
    GRADUS_ASSIGN_OR_RETURN(const Program program, UnfusedProgram(model, train, batch));
    GRADUS_ASSIGN_OR_RETURN(std::vector<NodeLimit> found, PrimitiveLimits(program, options, &times_now));
    LimitTimer limit_timer(found);
    GRADUS_ASSIGN_OR_RETURN(comparison, CompareWithLimit(&subject, data.feeds(), &limit_timer));
    ms = comparison.step_ms;
    for (NodeLimit& limit : found) limits[limit.node] = std::move(limit);
    GRADUS_ASSIGN_OR_RETURN(cold, TimeSteps(&subject, data.feeds(), absl::GetFlag(FLAGS_seconds), EmptyCaches));
    json["ms_per_step"] = ms;
    json["examples_per_second"] = static_cast<double>(batch) / ms * 1e3;
    json["limit_ms"] = comparison.limit_ms;
    json["step_per_limit"] = comparison.ratio;
    json["steps_ms"] = std::accumulate(cold.begin(), cold.end(), 0.0);
  }
  if (tuning != nullptr) {
    for (const std::string& warning : tuning->TakeWarnings()) std::fprintf(stderr, "%s\n", warning.c_str());
  }
  if (absl::GetFlag(FLAGS_json)) {
    std::printf("%s\n", json.dump().c_str());
    return 0;
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<double> warm,
                          TimeSteps(&subject, data.feeds(), absl::GetFlag(FLAGS_seconds), nullptr));
  std::printf("%s", StepTable(plan, warm, cold, limits).c_str());
  std::printf("\n%.3f ms per step (median of %zu), %.0f examples/s; %.0f ms from the file to the first step\n", ms,
              times.size(), static_cast<double>(batch) / ms * 1e3, ready_ms);
  if (absl::GetFlag(FLAGS_limit)) {
    std::printf("%.3f ms if every operation ran alone at its best: the step takes %.3f times that\n",
                comparison.limit_ms, comparison.ratio);
  }
  if (tuning != nullptr) {
    std::printf("kernels chosen by %zu times, %zu of them measured now\n", tuning->size(), tuning->measured());
  }
  std::printf("%s, %s resident at most (%s before compiling)\n", MemoryLine(subject).c_str(),
              HumanBytes(peak_rss).c_str(), HumanBytes(rss_before).c_str());
  std::printf("%d reorders of activations, %d of variables\n%s", plan.reorders(), plan.weight_reorders(),
              plan.Explain().c_str());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Benchmark); }
