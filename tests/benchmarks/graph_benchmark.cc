// How long it takes from a model's text to a plan, for 100, 1,000 and 10,000 layers: parsing and expansion, lowering
// with gradients and updates, passes and compilation. Time per layer should not grow with their number.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/passes.h"
#include "graph/plan.h"
#include "graph/training.h"
#include "proto/train.pb.h"

namespace gradus {
namespace {

// Residuals of two convolutions each, stamped out by one use: three layers a copy.
std::string BlockText(int64_t layers) {
  return absl::StrCat(
      "block { name: \"b\" param { name: \"width\" target { path: \"res.a.conv.filters\" } }\n"
      "layer { name: \"res\" residual { layer { name: \"a\" conv { filters: 8 kernel: 3 } }\n"
      "layer { name: \"b\" conv { filters: 8 kernel: 3 } } } } }\n"
      "defaults { conv { padding: SAME norm { batch {} } activation: RELU } }\n"
      "layer { name: \"l\" use { block: \"b\" args: [8] repeat: ",
      layers / 3, " } }\n");
}

// A chain of dense layers with ReLU, of 3 x 3 convolutions with batch norm and ReLU, or of blocks.
std::string ChainText(const std::string& kind, int64_t layers) {
  const bool conv = kind != "dense";
  std::string text = absl::StrCat("input { name: \"x\" dims: ", conv ? "[8, 8, 8]" : "[16]",
                                  " } input { name: \"label\" dtype: INT32 }\n");
  if (kind == "blocks") absl::StrAppend(&text, BlockText(layers));
  for (int64_t i = 0; i < layers && kind != "blocks"; ++i) {
    absl::StrAppend(&text, "layer { name: \"l", i, "\" ",
                    conv ? "conv { filters: 8 kernel: 3 padding: SAME norm { batch {} } activation: RELU }"
                         : "dense { units: 16 activation: RELU }",
                    " }\n");
  }
  return absl::StrCat(text,
                      "layer { name: \"logits\" dense { units: 10 } }\n"
                      "loss { name: \"xent\" target: \"label\" softmax_cross_entropy {} }\n");
}

template <typename T>
T Value(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::exit(1);
  }
  return *std::move(result);
}

Program BuildChain(const LoadedModel& model) {
  LowerOptions lower;
  lower.batch = 4;
  Optimizer::Sgd sgd;
  sgd.set_momentum(0.9);
  TrainingOptions training;
  training.optimizer = &sgd;
  return Value(BuildTraining(Value(Lower(model.model, lower)), training));
}

void BM_Parse(benchmark::State& state, const std::string& kind) {
  const std::string text = ChainText(kind, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Value(LoadModelText(text, "chain")));
  state.SetComplexityN(state.range(0));
}

void BM_Build(benchmark::State& state, const std::string& kind) {
  const LoadedModel model = Value(LoadModelText(ChainText(kind, state.range(0)), "chain"));
  for (auto _ : state) benchmark::DoNotOptimize(BuildChain(model));
  state.SetComplexityN(state.range(0));
}

void BM_Plan(benchmark::State& state, const std::string& kind) {
  const LoadedModel model = Value(LoadModelText(ChainText(kind, state.range(0)), "chain"));
  for (auto _ : state) {
    state.PauseTiming();
    Program program = BuildChain(model);
    state.ResumeTiming();
    const absl::Status passed = RunPasses(&program);
    if (!passed.ok()) std::cerr << passed << "\n";
    VariableStore variables;
    std::unique_ptr<Plan> plan = Value(Plan::Compile(std::move(program), &variables, {}));
    state.counters["steps"] = static_cast<double>(plan->steps().size());
    state.PauseTiming();
    plan.reset();
    state.ResumeTiming();
  }
  state.SetComplexityN(state.range(0));
}

#define CHAINS(function)                                                                                       \
  BENCHMARK_CAPTURE(function, dense, "dense")->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(function, conv, "conv")->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);   \
  BENCHMARK_CAPTURE(function, blocks, "blocks")->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond)

CHAINS(BM_Parse);
CHAINS(BM_Build);
CHAINS(BM_Plan);

}  // namespace
}  // namespace gradus

BENCHMARK_MAIN();
