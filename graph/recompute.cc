#include "graph/recompute.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace gradus {
namespace {

constexpr int kNever = std::numeric_limits<int>::max();

// A round of dropping ends when it has won this part of the peak.
constexpr int64_t kPartOfPeak = 64;
// Values for which more steps must run again are not looked at.
constexpr int kMostStepsForOne = 200;
// Lengths of segments that are tried, as parts of all that could be dropped. Large programs get fewer.
constexpr int kMostParts = 64;
constexpr size_t kLargeProgram = 6000;  // steps

// What the steps say of buffers.
struct Facts {
  explicit Facts(const RecomputePuzzle& puzzle)
      : maker(puzzle.buffers.size(), -1),
        last_early(puzzle.buffers.size(), -1),
        late(puzzle.buffers.size(), false),
        droppable(puzzle.buffers.size(), false) {
    const int steps = static_cast<int>(puzzle.steps.size());
    GRADUS_CHECK(puzzle.turn >= 0 && puzzle.turn <= steps);
    for (int s = 0; s < steps; ++s) {
      for (int b : puzzle.steps[s].reads) {
        if (s < puzzle.turn) last_early[b] = s;
        if (s >= puzzle.turn) late[b] = true;
      }
      for (int b : puzzle.steps[s].writes) maker[b] = s;
    }
    for (size_t b = 0; b < puzzle.buffers.size(); ++b) {
      droppable[b] = !puzzle.buffers[b].kept && !puzzle.buffers[b].to_end && maker[b] >= 0 && maker[b] < puzzle.turn &&
                     puzzle.steps[maker[b]].repeatable;
    }
  }

  std::vector<int> maker;       // by buffer; -1: none
  std::vector<int> last_early;  // its last reader before the turn; -1: none
  std::vector<bool> late;       // whether one reads it after the turn
  std::vector<bool> droppable;
};

std::vector<ScheduledStep> MakeSchedule(const RecomputePuzzle& puzzle, const Facts& facts,
                                        const std::vector<bool>& dropped) {
  const int steps = static_cast<int>(puzzle.steps.size());
  std::vector<ScheduledStep> schedule;
  schedule.reserve(2 * steps);
  std::vector<bool> ran_again(steps, false);
  std::vector<int> makers;
  for (int s = 0; s < steps; ++s) {
    makers.clear();
    const auto need = [&](int step) {
      for (int b : puzzle.steps[step].reads) {
        if (!dropped[b] || ran_again[facts.maker[b]]) continue;
        ran_again[facts.maker[b]] = true;
        makers.push_back(facts.maker[b]);
      }
    };
    if (s >= puzzle.turn) need(s);
    for (size_t i = 0; i < makers.size(); ++i) need(makers[i]);
    std::sort(makers.begin(), makers.end());
    for (int maker : makers) schedule.push_back({maker, true});
    schedule.push_back({s, false});
  }
  return schedule;
}

// Lives in a schedule. A buffer has two versions: that of the first run, at its index, and that of the second run.
class Simulation {
 public:
  Simulation(const RecomputePuzzle& puzzle, const Facts& facts, const std::vector<bool>& dropped)
      : puzzle_(puzzle),
        dropped_(dropped),
        buffers_(static_cast<int>(puzzle.buffers.size())),
        first_(2 * buffers_, kNever),
        last_(2 * buffers_, -1),
        first_late_(buffers_, kNever),
        again_at_(puzzle.steps.size(), -1) {
    schedule_ = MakeSchedule(puzzle, facts, dropped);
    for (int e = 0; e < static_cast<int>(schedule_.size()); ++e) {
      if (schedule_[e].again) again_at_[schedule_[e].step] = e;
      Visit(e);
    }
    for (int b = 0; b < buffers_; ++b) {
      if (facts.maker[b] < 0 && (last_[b] >= 0 || puzzle.buffers[b].to_end)) first_[b] = 0;
      if (puzzle.buffers[b].to_end && first_[b] != kNever) last_[b] = static_cast<int>(schedule_.size()) - 1;
    }
    FindPeak();
  }

  int64_t peak_bytes() const { return peak_bytes_; }
  int peak_at() const { return peak_at_; }
  double cost() const { return cost_; }
  // Whether the first run's version is alive at an event.
  bool AliveAt(int buffer, int event) const { return first_[buffer] <= event && event <= last_[buffer]; }
  // The event from which on the way back reads the first run's version.
  int first_late(int buffer) const { return first_late_[buffer]; }
  // When a step runs again; -1: never.
  int again_at(int step) const { return again_at_[step]; }
  // The last event at which the version of the second run is alive; -1: there is none.
  int again_last(int buffer) const { return last_[buffers_ + buffer]; }

 private:
  bool Late(int e) const { return schedule_[e].again || schedule_[e].step >= puzzle_.turn; }
  int ReadVersion(int e, int buffer) const { return Late(e) && dropped_[buffer] ? buffers_ + buffer : buffer; }
  int WrittenVersion(int e, int buffer) const { return schedule_[e].again ? buffers_ + buffer : buffer; }
  int64_t Bytes(int version) const { return puzzle_.buffers[version % buffers_].bytes; }

  void Visit(int e) {
    const RecomputeStep& step = puzzle_.steps[schedule_[e].step];
    for (int b : step.writes) {
      const int version = WrittenVersion(e, b);
      first_[version] = std::min(first_[version], e);
      last_[version] = std::max(last_[version], e);
    }
    for (int b : step.reads) {
      const int version = ReadVersion(e, b);
      last_[version] = std::max(last_[version], e);
      if (Late(e) && version == b) first_late_[b] = std::min(first_late_[b], e);
    }
    if (schedule_[e].again) cost_ += step.cost;
  }

  // Bytes that a step's outputs share with its inputs.
  int64_t SharedBytes(int e) const {
    int64_t shared = 0;
    std::vector<int> taken;
    for (auto [read, written] : puzzle_.steps[schedule_[e].step].over) {
      const int from = ReadVersion(e, read), to = WrittenVersion(e, written);
      if (last_[from] != e || puzzle_.buffers[read].to_end) continue;
      if (std::find(taken.begin(), taken.end(), from) != taken.end()) continue;
      if (std::find(taken.begin(), taken.end(), to) != taken.end()) continue;
      taken.push_back(from);
      taken.push_back(to);
      shared += Bytes(to);
    }
    return shared;
  }

  void FindPeak() {
    std::vector<int64_t> change(schedule_.size() + 1);
    for (int version = 0; version < 2 * buffers_; ++version) {
      if (first_[version] == kNever) continue;
      change[first_[version]] += Bytes(version);
      change[last_[version] + 1] -= Bytes(version);
    }
    int64_t live = 0;
    for (int e = 0; e < static_cast<int>(schedule_.size()); ++e) {
      live += change[e];
      const int64_t here = live - SharedBytes(e) + puzzle_.steps[schedule_[e].step].scratch_bytes;
      if (here <= peak_bytes_) continue;
      peak_bytes_ = here;
      peak_at_ = e;
    }
  }

  const RecomputePuzzle& puzzle_;
  const std::vector<bool>& dropped_;
  const int buffers_;
  std::vector<ScheduledStep> schedule_;
  std::vector<int> first_, last_;  // by version: events
  std::vector<int> first_late_;    // by buffer
  std::vector<int> again_at_;      // by step
  int64_t peak_bytes_ = 0;
  int peak_at_ = 0;
  double cost_ = 0;
};

class Solver {
 public:
  explicit Solver(const RecomputePuzzle& puzzle)
      : puzzle_(puzzle), facts_(puzzle), mark_(puzzle.steps.size(), 0), extended_(puzzle.buffers.size(), 0) {}

  std::vector<Recomputation> Solve() {
    std::vector<bool> nothing(puzzle_.buffers.size(), false);
    for (size_t b = 0; b < nothing.size(); ++b) nothing[b] = facts_.droppable[b] && !facts_.late[b];
    DropAtPeaks(nothing);
    const bool large = puzzle_.steps.size() > kLargeProgram;
    for (double parts = 2; parts <= kMostParts; parts *= large ? 2 : std::sqrt(2.0)) {
      std::vector<bool> dropped = DropBetweenCuts(nothing, parts);
      if (large) {
        Add(dropped, Simulation(puzzle_, facts_, dropped));
      } else {
        DropAtPeaks(std::move(dropped));
      }
    }
    return Best();
  }

 private:
  void Add(const std::vector<bool>& dropped, const Simulation& simulation) {
    solutions_.push_back({dropped, simulation.peak_bytes(), simulation.cost()});
  }

  // Round after round, until nothing idle is left at the peak.
  void DropAtPeaks(std::vector<bool> dropped) {
    while (true) {
      const Simulation now(puzzle_, facts_, dropped);
      Add(dropped, now);
      std::vector<Gain> gains;
      for (int b = 0; b < static_cast<int>(dropped.size()); ++b) {
        if (dropped[b] || !facts_.droppable[b] || puzzle_.buffers[b].bytes < now.peak_bytes() >> 16) continue;
        const int dies = std::max(facts_.maker[b], facts_.last_early[b]);  // steps and events agree before the turn
        if (dies >= now.peak_at() || now.first_late(b) <= now.peak_at() || !now.AliveAt(b, now.peak_at())) continue;
        const Gain gain = GainOf(b, dropped, now);
        if (gain.bytes > 0) gains.push_back(gain);
      }
      if (gains.empty()) return;
      std::stable_sort(gains.begin(), gains.end(),
                       [](const Gain& a, const Gain& b) { return a.cost * b.bytes < b.cost * a.bytes; });
      int64_t won = 0;
      for (const Gain& gain : gains) {
        dropped[gain.buffer] = true;
        won += gain.bytes;
        if (won >= now.peak_bytes() / kPartOfPeak) break;
      }
    }
  }

  struct Gain {
    int buffer;
    double bytes;  // fewer at the peak; none if not above 0
    double cost;
  };

  // What dropping one more buffer wins: its bytes, less those that must then be kept until they are read again.
  Gain GainOf(int buffer, const std::vector<bool>& dropped, const Simulation& now) {
    Gain gain = {buffer, static_cast<double>(puzzle_.buffers[buffer].bytes), 0};
    ++round_;
    std::vector<int> steps = {facts_.maker[buffer]};
    mark_[steps[0]] = round_;
    if (now.again_at(steps[0]) >= 0) steps.clear();  // another output needs it already
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps.size() > kMostStepsForOne) return {buffer, 0, 0};
      gain.cost += puzzle_.steps[steps[i]].cost;
      for (int b : puzzle_.steps[steps[i]].reads) {
        const int maker = facts_.maker[b];
        if (dropped[b] && now.again_at(maker) < 0) {
          if (mark_[maker] == round_) continue;
          mark_[maker] = round_;
          steps.push_back(maker);
          continue;
        }
        const bool there = dropped[b] ? now.again_at(maker) > now.peak_at() || now.again_last(b) >= now.peak_at()
                                      : now.AliveAt(b, now.peak_at());
        if (there || extended_[b] == round_) continue;
        extended_[b] = round_;
        gain.bytes -= static_cast<double>(puzzle_.buffers[b].bytes);
      }
    }
    return gain;
  }

  // Drops all but what crosses the cuts between segments, each of about 1 / `parts` of all bytes. The last segment is
  // kept: it would be made again at once.
  std::vector<bool> DropBetweenCuts(std::vector<bool> dropped, double parts) const {
    const std::vector<int64_t> made = BytesMade(), crossing = BytesCrossing();
    double all = 0;
    for (int64_t bytes : made) all += static_cast<double>(bytes);
    std::vector<int> cuts = {0};
    while (true) {
      double inside = 0;
      int end = cuts.back();
      while (end < puzzle_.turn && inside <= all / parts) inside += static_cast<double>(made[end++]);
      if (end == puzzle_.turn) break;
      int best = end;
      for (int at = end - 1; at > (cuts.back() + end) / 2; --at) {
        if (crossing[at] < crossing[best]) best = at;
      }
      cuts.push_back(best);
    }
    for (size_t b = 0; b < dropped.size(); ++b) {
      if (!facts_.droppable[b] || facts_.maker[b] >= cuts.back()) continue;
      const int next = *std::upper_bound(cuts.begin(), cuts.end(), facts_.maker[b]);
      dropped[b] = facts_.last_early[b] < next;
    }
    return dropped;
  }

  // By step before the turn: what it makes for the way back.
  std::vector<int64_t> BytesMade() const {
    std::vector<int64_t> made(puzzle_.turn);
    for (size_t b = 0; b < puzzle_.buffers.size(); ++b) {
      if (facts_.droppable[b] && facts_.late[b]) made[facts_.maker[b]] += puzzle_.buffers[b].bytes;
    }
    return made;
  }

  // By step before the turn: what is made before it and read by it or later ones before the turn.
  std::vector<int64_t> BytesCrossing() const {
    std::vector<int64_t> crossing(puzzle_.turn + 1);
    for (size_t b = 0; b < puzzle_.buffers.size(); ++b) {
      if (!facts_.droppable[b] || facts_.last_early[b] < 0) continue;
      crossing[facts_.maker[b] + 1] += puzzle_.buffers[b].bytes;
      crossing[facts_.last_early[b] + 1] -= puzzle_.buffers[b].bytes;
    }
    for (size_t s = 1; s < crossing.size(); ++s) crossing[s] += crossing[s - 1];
    return crossing;
  }

  // Without those that are not lower than a cheaper one.
  std::vector<Recomputation> Best() {
    std::stable_sort(solutions_.begin(), solutions_.end(), [](const Recomputation& a, const Recomputation& b) {
      return a.cost != b.cost ? a.cost < b.cost : a.peak_bytes < b.peak_bytes;
    });
    std::vector<Recomputation> best;
    for (Recomputation& solution : solutions_) {
      if (best.empty() || solution.peak_bytes < best.back().peak_bytes) best.push_back(std::move(solution));
    }
    return best;
  }

  const RecomputePuzzle& puzzle_;
  const Facts facts_;
  std::vector<Recomputation> solutions_;
  int round_ = 0;
  std::vector<int> mark_;      // by step: the last round in which it was found
  std::vector<int> extended_;  // by buffer: the last round in which it was found
};

}  // namespace

std::vector<ScheduledStep> Schedule(const RecomputePuzzle& puzzle, const std::vector<bool>& dropped) {
  return MakeSchedule(puzzle, Facts(puzzle), dropped);
}

Recomputation Refine(const RecomputePuzzle& puzzle, Recomputation solution, int64_t most_bytes) {
  if (solution.peak_bytes > most_bytes || puzzle.steps.size() > kLargeProgram) return solution;
  const Facts facts(puzzle);
  std::vector<int> order;
  for (int b = 0; b < static_cast<int>(solution.dropped.size()); ++b) {
    if (solution.dropped[b] && puzzle.buffers[b].bytes > 0) order.push_back(b);
  }
  const auto cost = [&](int b) {
    return puzzle.steps[facts.maker[b]].cost / static_cast<double>(puzzle.buffers[b].bytes);
  };
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return cost(a) > cost(b); });
  for (int b : order) {
    solution.dropped[b] = false;
    const Simulation without(puzzle, facts, solution.dropped);
    if (without.peak_bytes() <= most_bytes && without.cost() < solution.cost) {
      solution.peak_bytes = without.peak_bytes();
      solution.cost = without.cost();
    } else {
      solution.dropped[b] = true;
    }
  }
  return solution;
}

std::vector<Recomputation> SolveRecompute(const RecomputePuzzle& puzzle) { return Solver(puzzle).Solve(); }

}  // namespace gradus
