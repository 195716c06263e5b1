#include "graph/memory_planner.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "graph/memory_heuristics.h"

namespace gradus {
namespace {

constexpr int64_t kMostBytes = std::numeric_limits<int64_t>::max();

// Up to so many blocks, quadratic heuristics are tried too; and how many comparisons they may make.
constexpr size_t kMostForSearch = 3000;
constexpr int64_t kSearchEffort = int64_t{1} << 23;

// What the heuristics work on, and the way back from it.
struct Puzzle {
  std::vector<MemoryBlock> blocks;
  std::vector<int> buffers;  // by block: the buffer it stands for
  int steps = 0;
};

// Nothing when the sizes are too large. Half of 63 bits is left to the heuristics, which may stack everything twice as
// high.
std::optional<Puzzle> MakePuzzle(absl::Span<const BufferUse> uses, int64_t alignment) {
  std::vector<int> steps;  // in which anything comes or goes
  for (const BufferUse& use : uses) {
    GRADUS_CHECK(use.bytes >= 0 && use.first_step <= use.last_step);
    steps.push_back(use.first_step);
    steps.push_back(use.last_step);
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  const auto number = [&](int step) {
    return static_cast<int>(std::lower_bound(steps.begin(), steps.end(), step) - steps.begin());
  };

  Puzzle puzzle;
  puzzle.steps = static_cast<int>(steps.size());
  int64_t units_left = kMostBytes / 2 / alignment;
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].bytes == 0) continue;
    const int64_t units = (uses[i].bytes - 1) / alignment + 1;
    if (units > units_left) return std::nullopt;
    units_left -= units;
    puzzle.blocks.push_back({units, number(uses[i].first_step), number(uses[i].last_step)});
    puzzle.buffers.push_back(static_cast<int>(i));
  }
  return puzzle;
}

// The most units that are live in one step.
int64_t LowerBound(const Puzzle& puzzle) {
  std::vector<int64_t> change(puzzle.steps + 1);
  for (const MemoryBlock& block : puzzle.blocks) {
    change[block.first] += block.size;
    change[block.last + 1] -= block.size;
  }
  int64_t live = 0, most = 0;
  for (int64_t c : change) most = std::max(most, live += c);
  return most;
}

// Packs with time running backwards, which suits programs whose last buffers are the largest.
Packing PackBackThroughTime(const Puzzle& puzzle) {
  std::vector<MemoryBlock> mirrored = puzzle.blocks;
  for (MemoryBlock& block : mirrored) {
    const int first = block.first;
    block.first = puzzle.steps - 1 - block.last;
    block.last = puzzle.steps - 1 - first;
  }
  return PackThroughTime(mirrored);
}

// Tries the heuristics, those that suit training programs first, until one comes within a thousandth of the lower
// bound.
Packing BestPacking(const Puzzle& puzzle) {
  const int64_t bound = LowerBound(puzzle);
  const int64_t enough = bound + bound / 1024;
  Packing best;
  best.height = kMostBytes;
  const auto keep = [&](std::optional<Packing> packing) {
    if (packing.has_value() && packing->height < best.height) best = *std::move(packing);
    return best.height <= enough;
  };
  for (int longest_short : {1, 4, 16}) {
    if (keep(PackOnStacks(puzzle.blocks, puzzle.steps, longest_short, bound))) return best;
  }
  if (keep(PackThroughTime(puzzle.blocks)) || keep(PackBackThroughTime(puzzle))) return best;
  if (puzzle.blocks.size() <= kMostForSearch) keep(PackBySearch(puzzle.blocks, enough, kSearchEffort));
  return best;
}

std::string Describe(int buffer, const BufferUse& use, int64_t offset) {
  return absl::StrFormat("buffer %d (%d bytes at %d, steps %d to %d)", buffer, use.bytes, offset, use.first_step,
                         use.last_step);
}

}  // namespace

MemoryPlan PlanMemory(absl::Span<const BufferUse> uses, int64_t alignment) {
  GRADUS_CHECK(alignment > 0 && (alignment & (alignment - 1)) == 0);
  MemoryPlan plan;
  plan.offsets.resize(uses.size());
  const std::optional<Puzzle> puzzle = MakePuzzle(uses, alignment);
  if (!puzzle.has_value()) {
    plan.total_bytes = kMostBytes;
    return plan;
  }
  const Packing packing = BestPacking(*puzzle);
  for (size_t block = 0; block < puzzle->blocks.size(); ++block) {
    const int buffer = puzzle->buffers[block];
    plan.offsets[buffer] = packing.offsets[block] * alignment;
    plan.total_bytes = std::max(plan.total_bytes, plan.offsets[buffer] + uses[buffer].bytes);
  }
  return plan;
}

int64_t PeakLowerBound(absl::Span<const BufferUse> uses) {
  std::vector<std::pair<int64_t, int64_t>> changes;  // (step, bytes)
  for (const BufferUse& use : uses) {
    changes.emplace_back(use.first_step, use.bytes);
    changes.emplace_back(int64_t{use.last_step} + 1, -use.bytes);
  }
  std::sort(changes.begin(), changes.end());  // within a step those that go come first
  __int128 live = 0, most = 0;
  for (const auto& [step, bytes] : changes) most = std::max(most, live += bytes);
  return static_cast<int64_t>(std::min<__int128>(most, kMostBytes));
}

// Walks through time with the live buffers by offset: a newcomer need only be held against its two neighbours.
absl::Status CheckMemoryPlan(absl::Span<const BufferUse> uses, const MemoryPlan& plan) {
  if (plan.offsets.size() != uses.size()) {
    return absl::InternalError(absl::StrCat("plan of ", plan.offsets.size(), " buffers for ", uses.size()));
  }
  struct Event {
    int64_t step;
    bool comes;  // those that go first
    int buffer;
    bool operator<(const Event& other) const {
      return std::make_tuple(step, comes, buffer) < std::make_tuple(other.step, other.comes, other.buffer);
    }
  };
  std::vector<Event> events;
  for (int i = 0; i < static_cast<int>(uses.size()); ++i) {
    const BufferUse& use = uses[i];
    const int64_t offset = plan.offsets[i];
    if (use.bytes < 0 || use.first_step > use.last_step || offset < 0 || offset > plan.total_bytes ||
        use.bytes > plan.total_bytes - offset) {
      return absl::InternalError(absl::StrCat(Describe(i, use, offset), " is not within ", plan.total_bytes, " bytes"));
    }
    if (use.bytes == 0) continue;
    events.push_back({use.first_step, true, i});
    events.push_back({int64_t{use.last_step} + 1, false, i});
  }
  std::sort(events.begin(), events.end());

  std::set<std::pair<int64_t, int>> live;  // (offset, buffer)
  const auto overlap = [&](int low, int high) {
    return absl::InternalError(absl::StrCat(Describe(low, uses[low], plan.offsets[low]), " and ",
                                            Describe(high, uses[high], plan.offsets[high]), " overlap"));
  };
  for (const Event& event : events) {
    const std::pair<int64_t, int> entry = {plan.offsets[event.buffer], event.buffer};
    if (!event.comes) {
      live.erase(entry);
      continue;
    }
    const auto here = live.insert(entry).first;
    const auto ends_above = [&](int low, int high) { return plan.offsets[low] + uses[low].bytes > plan.offsets[high]; };
    if (here != live.begin() && ends_above(std::prev(here)->second, event.buffer)) {
      return overlap(std::prev(here)->second, event.buffer);
    }
    if (std::next(here) != live.end() && ends_above(event.buffer, std::next(here)->second)) {
      return overlap(event.buffer, std::next(here)->second);
    }
  }
  return absl::OkStatus();
}

std::string DrawMemoryPlan(absl::Span<const BufferUse> uses, const MemoryPlan& plan, int width, int height,
                           absl::string_view letters) {
  if (width <= 0 || height <= 0) return "";
  int64_t first = uses.empty() ? 0 : uses[0].first_step, last = first;
  for (const BufferUse& use : uses) {
    first = std::min<int64_t>(first, use.first_step);
    last = std::max<int64_t>(last, use.last_step);
  }
  // What lies at the middle of cell `i` of `n` that share [0, length).
  const auto middle = [](int i, int n, int64_t length) {
    return static_cast<int64_t>(static_cast<__int128>(length) * (__int128{2} * i + 1) / (__int128{2} * n));
  };
  if (letters.empty()) letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::vector<std::string> rows(height, std::string(width, '.'));
  for (size_t i = 0; i < uses.size(); ++i) {
    const char letter = letters[i % letters.size()];
    for (int y = 0; y < height; ++y) {
      const int64_t byte = middle(height - 1 - y, height, plan.total_bytes);
      if (byte < plan.offsets[i] || byte - plan.offsets[i] >= uses[i].bytes) continue;
      for (int x = 0; x < width; ++x) {
        const int64_t step = first + middle(x, width, last - first + 1);
        if (uses[i].first_step <= step && step <= uses[i].last_step) rows[y][x] = letter;
      }
    }
  }
  std::string picture;
  for (const std::string& row : rows) absl::StrAppend(&picture, row, "\n");
  return picture;
}

}  // namespace gradus
