#include "graph/recompute.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/random.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

// A chain that is trained: step f makes activation f + 1 of activation f (0 is fed) at `costs[f]`; the step back of f
// needs activations f and f + 1 and the gradient of the latter.
RecomputePuzzle Chain(const std::vector<int64_t>& bytes, const std::vector<double>& costs) {
  RecomputePuzzle puzzle;
  const int n = static_cast<int>(costs.size());
  for (int64_t size : bytes) puzzle.buffers.push_back({size, false, false});
  puzzle.buffers[0].kept = true;
  for (int f = 0; f < n; ++f) {
    RecomputeStep& step = puzzle.steps.emplace_back();
    step.reads = {f};
    step.writes = {f + 1};
    step.cost = costs[f];
    step.repeatable = true;
  }
  puzzle.turn = n;
  for (int f = n - 1; f >= 0; --f) {
    RecomputeStep& step = puzzle.steps.emplace_back();
    step.reads = {f, f + 1};
    if (f < n - 1) step.reads.push_back(static_cast<int>(puzzle.buffers.size()) - 1);
    step.writes = {static_cast<int>(puzzle.buffers.size())};
    step.cost = 2 * costs[f];
    puzzle.buffers.push_back({bytes[f], true, f == 0});
  }
  return puzzle;
}

// A network of random steps forward, each with one or two outputs, and a step back for each.
RecomputePuzzle RandomNetwork(uint64_t seed, int layers) {
  RandomSequence random(seed, "network");
  RecomputePuzzle puzzle;
  const auto buffer = [&] {
    puzzle.buffers.push_back({static_cast<int64_t>(random.Below(1000)), random.Below(10) == 0, random.Below(20) == 0});
    return static_cast<int>(puzzle.buffers.size()) - 1;
  };
  std::vector<int> made = {buffer(), buffer()};
  puzzle.buffers[0].kept = puzzle.buffers[1].kept = true;
  std::vector<std::vector<int>> touched;
  for (int f = 0; f < layers; ++f) {
    RecomputeStep& step = puzzle.steps.emplace_back();
    const int inputs = 1 + static_cast<int>(random.Below(2));
    for (int i = 0; i < inputs; ++i) {
      const int back = static_cast<int>(random.Below(std::min<int>(4, static_cast<int>(made.size()))));
      step.reads.push_back(made[made.size() - 1 - back]);
    }
    const int outputs = 1 + static_cast<int>(random.Below(2));
    for (int i = 0; i < outputs; ++i) step.writes.push_back(buffer());
    made.insert(made.end(), step.writes.begin(), step.writes.end());
    if (random.Below(2) == 0) step.over.emplace_back(step.reads[0], step.writes[0]);
    step.scratch_bytes = static_cast<int64_t>(random.Below(500));
    step.cost = random.Uniform(0, 10);
    step.repeatable = random.Below(8) != 0;
    touched.push_back(step.reads);
    touched.back().insert(touched.back().end(), step.writes.begin(), step.writes.end());
  }
  puzzle.turn = layers;
  int gradient = buffer();
  for (int f = layers - 1; f >= 0; --f) {
    RecomputeStep& step = puzzle.steps.emplace_back();
    for (int b : touched[f]) {
      if (random.Below(2) == 0) step.reads.push_back(b);
    }
    step.reads.push_back(gradient);
    step.writes = {gradient = buffer()};
    step.cost = random.Uniform(0, 10);
  }
  return puzzle;
}

// Runs a schedule as its definition says: who reads what was made by whom. Finds the peak step by step from the moments
// at which each value is made and read last. Shares no code with the solver.
struct Replay {
  int64_t peak = 0;
  double cost = 0;
  std::string wrong;
};
Replay RunSchedule(const RecomputePuzzle& puzzle, const std::vector<bool>& dropped) {
  struct Value {
    int buffer;
    int made, last;
  };
  Replay run;
  std::vector<Value> values;
  std::map<int, int> current;  // the value that a buffer stands for
  std::vector<int> makers(puzzle.buffers.size(), -1);
  for (size_t s = 0; s < puzzle.steps.size(); ++s) {
    for (int b : puzzle.steps[s].writes) makers[b] = static_cast<int>(s);
  }
  for (int b = 0; b < static_cast<int>(makers.size()); ++b) {
    if (makers[b] >= 0) continue;
    current[b] = static_cast<int>(values.size());
    values.push_back({b, 0, -1});
  }
  const std::vector<ScheduledStep> schedule = Schedule(puzzle, dropped);
  std::vector<std::vector<int>> reads(schedule.size()), writes(schedule.size());
  std::multiset<int> ran;
  int next = 0;
  for (int e = 0; e < static_cast<int>(schedule.size()); ++e) {
    const auto [s, again] = schedule[e];
    const RecomputeStep& step = puzzle.steps[s];
    if (!again && s != next++) run.wrong = "first runs are out of order";
    if (again && (next <= puzzle.turn - 1 || s >= puzzle.turn))
      run.wrong = "a second run before the turn, or of the way back";
    if (again && !step.repeatable) run.wrong = "a step runs again that must not";
    if (again) run.cost += step.cost;
    ran.insert(s);
    for (int b : step.reads) {
      const Value& value = values[current.at(b)];
      if ((again || s >= puzzle.turn) && dropped[b] && ran.count(makers[b]) < 2) run.wrong = "what was dropped is read";
      if (value.buffer != b) run.wrong = "the wrong buffer is read";
      values[current.at(b)].last = e;
      reads[e].push_back(current.at(b));
    }
    for (int b : step.writes) {
      if (!again || dropped[b]) current[b] = static_cast<int>(values.size());
      writes[e].push_back(static_cast<int>(values.size()));
      values.push_back({b, e, e});
    }
  }
  for (const auto& [buffer, value] : current) {
    if (puzzle.buffers[buffer].to_end) values[value].last = static_cast<int>(schedule.size()) - 1;
  }
  for (int s = 0; s < static_cast<int>(puzzle.steps.size()); ++s) {
    if (ran.count(s) > 2) run.wrong = "a step runs a third time";
  }
  for (int e = 0; e < static_cast<int>(schedule.size()); ++e) {
    const RecomputeStep& step = puzzle.steps[schedule[e].step];
    int64_t alive = step.scratch_bytes;
    for (const Value& value : values) {
      if (value.made <= e && e <= value.last) alive += puzzle.buffers[value.buffer].bytes;
    }
    std::set<int> taken;
    for (auto [read, written] : step.over) {
      const int from = reads[e][std::find(step.reads.begin(), step.reads.end(), read) - step.reads.begin()];
      const int to = writes[e][std::find(step.writes.begin(), step.writes.end(), written) - step.writes.begin()];
      if (values[from].last != e || puzzle.buffers[read].to_end || taken.count(from) + taken.count(to) > 0) continue;
      taken.insert({from, to});
      alive -= puzzle.buffers[written].bytes;
    }
    run.peak = std::max(run.peak, alive);
  }
  return run;
}

TEST(RecomputeTest, SolutionsAreWhatTheySay) {
  int with_choice = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const RecomputePuzzle puzzle = RandomNetwork(seed, 5 + static_cast<int>(seed % 40));
    const std::vector<Recomputation> solutions = SolveRecompute(puzzle);
    ASSERT_FALSE(solutions.empty());
    with_choice += solutions.size() > 1;
    for (size_t i = 0; i < solutions.size(); ++i) {
      const Replay run = RunSchedule(puzzle, solutions[i].dropped);
      ASSERT_EQ(run.wrong, "") << seed;
      EXPECT_EQ(run.peak, solutions[i].peak_bytes) << seed;
      EXPECT_NEAR(run.cost, solutions[i].cost, 1e-9) << seed;
      for (size_t b = 0; b < puzzle.buffers.size(); ++b) {
        EXPECT_FALSE(solutions[i].dropped[b] && (puzzle.buffers[b].kept || puzzle.buffers[b].to_end)) << seed;
      }
      if (i == 0) continue;
      EXPECT_LT(solutions[i].peak_bytes, solutions[i - 1].peak_bytes) << seed;
      EXPECT_GT(solutions[i].cost, solutions[i - 1].cost) << seed;
    }
    EXPECT_EQ(solutions[0].cost, 0) << seed;
  }
  EXPECT_GT(with_choice, 100);
}

TEST(RecomputeTest, TheFirstSolutionRunsNothingAgain) {
  const RecomputePuzzle puzzle = Chain({10, 10, 10, 10}, {1, 1, 1});
  const std::vector<ScheduledStep> schedule = Schedule(puzzle, SolveRecompute(puzzle)[0].dropped);
  ASSERT_EQ(schedule.size(), puzzle.steps.size());
  for (int s = 0; s < static_cast<int>(schedule.size()); ++s) EXPECT_EQ(schedule[s], (ScheduledStep{s, false}));
}

TEST(RecomputeTest, TheCheapestValuesPerByteGoFirst) {
  // Every other step is cheap, as in convolutions with an activation after each.
  std::vector<int64_t> bytes(21, 100);
  std::vector<double> costs;
  for (int f = 0; f < 20; ++f) costs.push_back(f % 2 == 0 ? 50 : 1);
  const RecomputePuzzle puzzle = Chain(bytes, costs);
  const std::vector<Recomputation> solutions = SolveRecompute(puzzle);
  const int64_t all = solutions[0].peak_bytes;
  const auto enough = std::find_if(solutions.begin(), solutions.end(),
                                   [all](const Recomputation& s) { return s.peak_bytes <= 0.65 * all; });
  ASSERT_NE(enough, solutions.end());
  EXPECT_LE(enough->cost, 10) << "convolutions ran again though activations would have done";
}

TEST(RecomputeTest, ALongChainNeedsAboutTheSquareRootOfItsMemory) {
  const int n = 400;
  const RecomputePuzzle puzzle = Chain(std::vector<int64_t>(n + 1, 100), std::vector<double>(n, 1));
  const std::vector<Recomputation> solutions = SolveRecompute(puzzle);
  EXPECT_GE(solutions.front().peak_bytes, 100 * n);
  EXPECT_LE(solutions.back().peak_bytes, 100 * 3 * std::sqrt(n));
  EXPECT_LE(solutions.back().cost, n);
}

TEST(RecomputeTest, AStepThatMustNotRunTwiceDoesNot) {
  RecomputePuzzle puzzle = Chain(std::vector<int64_t>(9, 100), std::vector<double>(8, 1));
  for (RecomputeStep& step : puzzle.steps) step.repeatable = false;
  EXPECT_EQ(SolveRecompute(puzzle).size(), 1u);
}

TEST(RecomputeTest, WhatMustBeKeptForItCountsAgainstAValue) {
  // To drop the small output of a large input would need the large one for longer.
  RecomputePuzzle puzzle;
  puzzle.buffers = {{10, true, false}, {1000, true, false}, {100, false, false}, {300, true, false}, {10, true, true}};
  puzzle.steps = {{{0}, {1}, {}, 0, 1, true},
                  {{1}, {2}, {}, 0, 1, true},
                  {{2}, {3}, {}, 900, 1, true},
                  {{3}, {}, {}, 900, 1, false},
                  {{2, 3}, {4}, {}, 0, 1, false}};
  puzzle.turn = 3;
  const std::vector<Recomputation> solutions = SolveRecompute(puzzle);
  EXPECT_EQ(solutions.size(), 1u);
  EXPECT_FALSE(solutions[0].dropped[2]);
}

TEST(RecomputeTest, NothingIsAPuzzleToo) {
  const std::vector<Recomputation> solutions = SolveRecompute({});
  ASSERT_EQ(solutions.size(), 1u);
  EXPECT_EQ(solutions[0].peak_bytes, 0);
  EXPECT_TRUE(Schedule({}, {}).empty());
}

TEST(RecomputeTest, LargeProgramsAreSolvedInLittleTime) {
  const int n = 10000;
  const std::vector<Recomputation> solutions =
      SolveRecompute(Chain(std::vector<int64_t>(n + 1, 100), std::vector<double>(n, 1)));
  EXPECT_LT(solutions.back().peak_bytes, 100 * n / 10);
}

}  // namespace
}  // namespace gradus
