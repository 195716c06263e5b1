// Steps that run a second time so that a plan fits its budget; see plan_builder.h and recompute.h.
#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "graph/plan_builder.h"

namespace gradus {
namespace {

// What a thread does in a second, roughly. Only the ratio matters: it weighs convolutions against passes over memory.
constexpr double kMacsPerSecond = 60e9;
constexpr double kBytesPerSecond = 8e9;
// Memory is always saved where that takes at most this part of a plan's time, and wins so many times this part of the
// arena; but not where the arena is small anyway.
constexpr double kFreePrice = 0.01;
constexpr double kLeastGain = 4;
constexpr int64_t kSmallArena = int64_t{64} << 20;

double CostOfAll(const RecomputePuzzle& puzzle) {
  double all = 0;
  for (const RecomputeStep& step : puzzle.steps) all += step.cost;
  return all;
}

// The index of the smallest solution that is worth its price whether memory is short or not.
size_t BestFree(const RecomputePuzzle& puzzle, const std::vector<Recomputation>& solutions) {
  const double all = CostOfAll(puzzle), whole = static_cast<double>(solutions[0].peak_bytes);
  size_t best = 0;
  for (size_t i = 1; i < solutions.size() && solutions[i].cost <= kFreePrice * all; ++i) {
    const double saved = whole - static_cast<double>(solutions[i].peak_bytes);
    if (saved * all >= kLeastGain * solutions[i].cost * whole) best = i;
  }
  return best;
}

}  // namespace

// What costs next to nothing is always computed again. Where that is not enough for the budget, so is as little more as
// is; where nothing is, the arena gets as small as it can.
void PlanBuilder::PlaceWithRecomputation() {
  std::vector<Life> lives = lives_;
  PlaceBuffers();
  const int64_t budget = plan_->options_.memory_budget;
  if (plan_->arena_bytes_ < kSmallArena && (budget == 0 || plan_->arena_bytes_ <= budget - store_->bytes())) return;
  Draft draft{std::move(plan_->steps_), plan_->buffers_.size(), std::move(lives), {}};
  std::copy_n(plan_->stage_end_, 3, draft.stage_end);
  const RecomputePuzzle puzzle = MakeRecomputePuzzle(draft);
  const std::vector<Recomputation> solutions = SolveRecompute(puzzle);
  const auto place = [&](const Recomputation& solution) {
    RunAgain(draft, Schedule(puzzle, solution.dropped), solution.dropped);
    PlaceBuffers();
    NoteRecomputation(puzzle, solution, solutions[0].peak_bytes - solution.peak_bytes);
  };

  size_t next = BestFree(puzzle, solutions);
  place(solutions[next]);
  if (budget == 0) return;
  const int64_t limit = budget - store_->bytes();
  int64_t wanted = limit;  // of a solution; less than the limit, since packing leaves gaps
  for (int64_t least_step = 64; plan_->arena_bytes_ > limit; least_step *= 2) {
    while (next + 1 < solutions.size() && solutions[next].peak_bytes > wanted) ++next;
    const int64_t peak = solutions[next].peak_bytes;
    // The last one, as it is whatever the limit, so that what it needs is a budget that would do.
    const bool least = peak >= wanted && next + 1 == solutions.size();
    const Recomputation refined = Refine(puzzle, solutions[next], least ? peak : wanted);
    place(refined);
    if (least) return;
    wanted = std::min(wanted, refined.peak_bytes) - std::max(least_step, plan_->arena_bytes_ - limit);
  }
}

RecomputePuzzle PlanBuilder::MakeRecomputePuzzle(const Draft& draft) const {
  RecomputePuzzle puzzle;
  for (size_t b = 0; b < draft.buffers; ++b) {
    const Life& life = draft.lives[b];
    const bool of_variable = IsVariable(static_cast<int>(b)) || life.merged_into != static_cast<int>(b);
    const int64_t bytes = of_variable ? 0 : plan_->buffers_[b].bytes + kArenaRedZone;
    puzzle.buffers.push_back({bytes, of_variable || life.fed || life.last_read >= draft.stage_end[0], false});
  }
  for (const auto& [name, place] : plan_->fetches_) puzzle.buffers[place.buffer].to_end = true;
  puzzle.turn = draft.stage_end[0];
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    const PlanStep& step = draft.steps[s];
    RecomputeStep& piece = puzzle.steps.emplace_back();
    piece.reads = step.inputs;
    piece.writes = step.outputs;
    piece.scratch_bytes = step.scratch < 0 ? 0 : plan_->buffers_[step.scratch].bytes + kArenaRedZone;
    piece.cost = CostOf(step);
    piece.repeatable = step.stage == Stage::kCompute;
    if (step.node < 0) continue;
    if (graph_.node(step.node).forward >= 0) puzzle.turn = std::min(puzzle.turn, s);
    if (!step.choice->candidate.in_place) continue;
    const Node& node = graph_.node(step.node);
    for (InputOutputPair pair : node.op->in_place(node.attrs)) {
      if (MayLieOver(step, pair)) piece.over.emplace_back(step.inputs[pair.input], step.outputs[pair.output]);
    }
  }
  return puzzle;
}

// Seconds of one thread, roughly: its multiply-accumulates, and the bytes that it reads and writes.
double PlanBuilder::CostOf(const PlanStep& step) const {
  double bytes = 0;
  for (int b : step.inputs) bytes += static_cast<double>(plan_->buffers_[b].bytes);
  for (int b : step.outputs) bytes += static_cast<double>(plan_->buffers_[b].bytes);
  const double macs = step.node < 0 ? 0 : MacsOf(graph_, graph_.node(step.node));
  return macs / kMacsPerSecond + bytes / kBytesPerSecond;
}

// The draft's steps with second runs among them.
void PlanBuilder::RunAgain(const Draft& draft, const std::vector<ScheduledStep>& schedule,
                           const std::vector<bool>& dropped) {
  plan_->steps_.clear();
  plan_->buffers_.resize(draft.buffers);
  lives_ = draft.lives;
  for (Life& life : lives_) {
    life.first_write = life.fed ? 0 : std::numeric_limits<int>::max();
    life.last_read = -1;
  }
  std::vector<int> now(draft.buffers);  // where a buffer of the draft is
  std::iota(now.begin(), now.end(), 0);
  for (ScheduledStep scheduled : schedule) {
    const PlanStep& from = draft.steps[scheduled.step];
    PlanStep step;
    step.name = scheduled.again ? absl::StrCat(from.name, " again") : from.name;
    step.wanted_by = from.wanted_by;
    step.implementation = from.implementation;
    step.node = from.node;
    step.again = scheduled.again;
    step.stage = from.stage;
    step.outputs = from.outputs;
    step.scratch = from.scratch;
    step.choice = from.choice;
    for (int b : from.inputs) step.inputs.push_back(now[b]);
    if (scheduled.again) {
      for (int& b : step.outputs) {
        const int copy = NewBuffer(plan_->buffers_[b].bytes);
        if (dropped[b]) now[b] = copy;
        b = copy;
      }
      if (step.scratch >= 0) step.scratch = NewBuffer(plan_->buffers_[step.scratch].bytes);
    }
    if (step.node >= 0 && !step.again) plan_->step_of_[step.node] = static_cast<int>(plan_->steps_.size());
    AddStep(std::move(step));
    for (int stage = 0; stage < 3; ++stage) {
      if (!scheduled.again && scheduled.step < draft.stage_end[stage]) {
        plan_->stage_end_[stage] = static_cast<int>(plan_->steps_.size());
      }
    }
  }
}

void PlanBuilder::NoteRecomputation(const RecomputePuzzle& puzzle, const Recomputation& solution, int64_t saved_bytes) {
  RecomputationNote& note = plan_->recomputation_;
  note = {};
  note.saved_bytes = saved_bytes;
  const double all = CostOfAll(puzzle);
  note.price = all > 0 ? solution.cost / all : 0;
  for (const PlanStep& step : plan_->steps_) note.steps += step.again;
}

}  // namespace gradus
