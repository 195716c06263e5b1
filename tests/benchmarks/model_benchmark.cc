// Whole models: how long it takes from the text to a plan, and how long a training step takes beside its limit.
//
//   bazel run //tests/benchmarks:model_benchmark -- $PWD/examples/mnist/lenet.textproto:64 ...
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "graph/kernel_search.h"
#include "graph/load_model.h"
#include "graph/passes.h"
#include "train/learner.h"

namespace gradus {
namespace {

template <typename T>
T Value(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::exit(1);
  }
  return *std::move(result);
}

struct Subject {
  std::string path;
  int64_t batch = 1;
};

Training TrainingOf(const Subject& subject) {
  Training training;
  training.set_batch_size(subject.batch);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  return training;
}

void BM_Compile(benchmark::State& state, const Subject& subject) {
  for (auto _ : state) {
    const LoadedModel model = Value(LoadModel(subject.path));
    benchmark::DoNotOptimize(Value(Learner::Create(model, TrainingOf(subject))));
  }
}

double LimitOf(const LoadedModel& model, const Subject& subject, int threads) {
  std::vector<LossScale> losses;
  Program program = Value(BuildTrainingProgram(model, TrainingOf(subject), {}, &losses));
  PassOptions passes;
  for (const Pass& pass : Pipeline()) {
    if (pass.name != "prune" && pass.name != "merge_equal") passes.skip.push_back(pass.name);
  }
  if (const absl::Status passed = RunPasses(&program, passes); !passed.ok()) std::cerr << passed << "\n";
  PlanOptions options;
  options.threads = threads;
  TuningCache cache(threads);
  LimitTimer timer(Value(PrimitiveLimits(program, options, &cache)));
  return Value(timer.Time());
}

// Inputs are zeros.
void BM_Step(benchmark::State& state, const Subject& subject) {
  const LoadedModel model = Value(LoadModel(subject.path));
  std::unique_ptr<Learner> learner = Value(Learner::Create(model, TrainingOf(subject)));
  LowerOptions lower;
  lower.batch = subject.batch;
  const Network network = Value(Lower(model.model, lower));
  std::vector<Tensor> tensors;
  std::vector<InputFeed> feeds;
  tensors.reserve(network.inputs.size());
  for (const NamedValue& input : network.inputs) {
    tensors.emplace_back(network.graph.type(input.value));
    feeds.push_back({input.name, &tensors.back()});
  }
  double seconds = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    Value(learner->Step(feeds, 1e-4));
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  const double limit = LimitOf(model, subject, learner->session().threads());
  state.counters["limit_ms"] = limit;
  state.counters["step/limit"] = seconds * 1e3 / static_cast<double>(state.iterations()) / limit;
  state.counters["reorders"] = learner->plan().reorders();
}

void Register(const std::string& argument) {
  const std::vector<std::string> parts = absl::StrSplit(argument, ':');
  Subject subject{parts[0], 1};
  if (parts.size() > 2 || (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &subject.batch) || subject.batch < 1))) {
    std::cerr << "'" << argument << "' is not FILE:BATCH\n";
    std::exit(2);
  }
  const std::string name = argument.substr(argument.rfind('/') + 1);
  benchmark::RegisterBenchmark(absl::StrCat("compile/", name).c_str(), [subject](benchmark::State& state) {
    BM_Compile(state, subject);
  })->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark(absl::StrCat("step/", name).c_str(),
                               [subject](benchmark::State& state) { BM_Step(state, subject); })
      ->Unit(benchmark::kMillisecond)
      ->Iterations(5)
      ->UseRealTime();
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) gradus::Register(argv[i]);
  benchmark::RunSpecifiedBenchmarks();
}
