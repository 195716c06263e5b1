// The memory planner on buffers of trained chains: how long it takes, and how far it is from the lower bound.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "graph/memory_planner.h"
#include "tests/graph/memory_puzzles.h"

namespace gradus {
namespace {

void Plan(benchmark::State& state, const std::vector<BufferUse>& uses) {
  int64_t bytes = 0;
  for (auto _ : state) bytes = PlanMemory(uses).total_bytes;
  state.counters["buffers"] = static_cast<double>(uses.size());
  state.counters["bytes/bound"] = static_cast<double>(bytes) / static_cast<double>(PeakLowerBound(uses));
  state.SetComplexityN(static_cast<int64_t>(uses.size()));
}

void BM_Chain(benchmark::State& state) { Plan(state, TrainingChain(static_cast<int>(state.range(0)), 1)); }

void BM_ResidualChain(benchmark::State& state) {
  ChainOptions options;
  options.last_scale = 0.1;
  options.skips = true;
  Plan(state, TrainingChain(static_cast<int>(state.range(0)), 2, options));
}

void BM_Random(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  Plan(state, RandomBuffers(count, count / 2, count / 10, 3));
}

BENCHMARK(BM_Chain)->Arg(50)->Arg(150)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_ResidualChain)->Arg(50)->Arg(150)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Random)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace gradus

BENCHMARK_MAIN();
