// Times a network: see kUsage.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/pass_flags.h"
#include "graph/load_model.h"
#include "graph/primitive_limit.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace {

constexpr char kUsage[] = R"(Times a network on synthetic input.

  benchmark --model=lenet.textproto --batch=64 --mode=train
  benchmark --model=lenet.textproto --batch=1 --mode=infer --json

A training step is forward, backward and the update of SGD with momentum. The table has each step of the compiled plan;
`limit` is what the operations of the network, before any pass has fused them, would take if each ran alone with its
fastest kernel in any layout, on memory that the caches do not hold, with nothing between them.

--json prints one object: ms_per_step (median), examples_per_second, arena_bytes, planned_bytes,
peak_rss_bytes, rss_before_compile_bytes, steps_run_again and predicted_price (what is computed twice to save memory,
and its part of the time), reorders (of activations, in a step), weight_reorders (of variables, once per update),
limit_ms, steps_ms (the plan's own steps timed alone as the limit is).)";

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
  Plan& plan() { return learner != nullptr ? learner->plan() : predictor->plan(); }
  MemoryNeed memory() { return learner != nullptr ? learner->session().memory() : plan().memory(); }
};

absl::StatusOr<Subject> Compile(const LoadedModel& model, bool train, int64_t batch, int threads,
                                const PassOptions& passes) {
  Subject subject;
  if (train) {
    Training training;
    training.set_batch_size(batch);
    training.set_threads(threads);
    training.set_memory_budget(absl::GetFlag(FLAGS_memory_budget));
    training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
    LearnerOptions options;
    options.recompute = absl::GetFlag(FLAGS_recompute);
    options.passes = passes;
    GRADUS_ASSIGN_OR_RETURN(subject.learner, Learner::Create(model, training, options));
  } else {
    SessionOptions options;
    options.threads = threads;
    options.passes = passes;
    GRADUS_ASSIGN_OR_RETURN(subject.predictor,
                            Predictor::Create(model.model, std::make_shared<VariableStore>(), batch, options));
  }
  return subject;
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

void PrintTable(const Plan& plan, const std::vector<double>& warm, const std::vector<double>& cold,
                const std::map<std::string, NodeLimit>& limits) {
  double total = 0;
  for (double nanoseconds : warm) total += nanoseconds;
  std::printf("%-34s %-28s %-12s %9s %6s %9s %9s  %s\n", "step", "kernel", "layout", "ms", "share", "alone", "limit",
              "limit's kernel");
  for (size_t s = 0; s < plan.steps().size(); ++s) {
    const PlanStep& step = plan.steps()[s];
    const auto limit = limits.find(step.name);
    std::printf("%-34.34s %-28.28s %-12.12s %9.4f %5.1f%%", step.name.c_str(), step.implementation.c_str(),
                step.output_layouts.empty() ? "" : step.output_layouts[0].ToString().c_str(), warm[s] * 1e-6,
                100 * warm[s] / total);
    if (!cold.empty()) std::printf(" %9.4f", cold[s] * 1e-6);
    if (limit != limits.end()) {
      std::printf(" %9.4f  %s %s", limit->second.milliseconds, limit->second.implementation.c_str(),
                  limit->second.layout.c_str());
    }
    std::printf("\n");
  }
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
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  const std::string mode = absl::GetFlag(FLAGS_mode);
  if (mode != "train" && mode != "infer") {
    return WrongFlags(absl::StrCat("--mode is '", mode, "'; it must be train or infer"));
  }
  const bool train = mode == "train";
  const int64_t batch = absl::GetFlag(FLAGS_batch);
  GRADUS_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  LowerOptions lower;
  lower.mode = train ? Mode::kTrain : Mode::kInfer;
  lower.batch = batch;
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
  const SyntheticBatch data(network);

  const int64_t rss_before = ResidentBytes();
  const int threads = absl::GetFlag(FLAGS_threads);
  GRADUS_ASSIGN_OR_RETURN(Subject subject, Compile(model, train, batch, threads, PassOptionsOfFlags()));
  if (absl::GetFlag(FLAGS_print_memory_plan)) {
    std::printf("%s\n%s\n", subject.plan().DrawMemory().c_str(), MemoryLine(subject).c_str());
    return 0;
  }
  GRADUS_ASSIGN_OR_RETURN(std::vector<double> times, TimeWholeSteps(&subject, data.feeds()));
  const int64_t peak_rss = PeakResidentBytes();
  const double ms = Median(times);
  Plan& plan = subject.plan();

  nlohmann::ordered_json json;
  json["model"] = model.written.name();
  json["mode"] = mode;
  json["batch"] = batch;
  json["ms_per_step"] = ms;
  json["examples_per_second"] = static_cast<double>(batch) / ms * 1e3;
  json["arena_bytes"] = plan.memory().arena;
  json["planned_bytes"] = subject.memory().total();
  json["peak_rss_bytes"] = peak_rss;
  json["rss_before_compile_bytes"] = rss_before;
  json["steps_run_again"] = plan.recomputation().steps;
  json["predicted_price"] = plan.recomputation().price;
  json["reorders"] = plan.reorders();
  json["weight_reorders"] = plan.weight_reorders();
  std::map<std::string, NodeLimit> limits;
  std::vector<double> cold;
  double limit_ms = 0, steps_ms = 0;
  if (absl::GetFlag(FLAGS_limit)) {
    PassOptions unfused;
    unfused.skip = {"all"};
    GRADUS_ASSIGN_OR_RETURN(Subject parts, Compile(model, train, batch, threads, unfused));
    GRADUS_ASSIGN_OR_RETURN(std::vector<NodeLimit> found, PrimitiveLimits(parts.plan(), threads, 7));
    for (NodeLimit& limit : found) {
      limit_ms += limit.milliseconds;
      limits[parts.plan().program().graph.node(limit.node).name] = std::move(limit);
    }
    cold = plan.TimeSteps(7, EmptyCaches);
    for (double nanoseconds : cold) steps_ms += nanoseconds * 1e-6;
    json["limit_ms"] = limit_ms;
    json["steps_ms"] = steps_ms;
  }
  if (absl::GetFlag(FLAGS_json)) {
    std::printf("%s\n", json.dump().c_str());
    return 0;
  }
  PrintTable(plan, plan.TimeSteps(50), cold, limits);
  std::printf("\n%.3f ms per step (median of %zu), %.0f examples/s\n", ms, times.size(),
              static_cast<double>(batch) / ms * 1e3);
  if (absl::GetFlag(FLAGS_limit)) {
    std::printf("%.3f ms if every operation ran alone at its best: the step takes %.2f times that\n", limit_ms,
                ms / limit_ms);
  }
  std::printf("%s, %s resident at most (%s before compiling)\n", MemoryLine(subject).c_str(),
              HumanBytes(peak_rss).c_str(), HumanBytes(rss_before).c_str());
  std::printf("%d reorders of activations, %d of variables\n", plan.reorders(), plan.weight_reorders());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Benchmark); }
