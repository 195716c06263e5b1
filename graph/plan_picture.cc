// The arena as text; see Plan::DrawMemory.
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "graph/plan.h"

namespace gradus {
namespace {

constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr size_t kMostLetters = sizeof kLetters - 1;
constexpr char kOther = ':';
constexpr size_t kMostLines = 24;  // of a list

// What is made in each buffer, by buffer: the steps that write it, those that work in place included.
std::vector<std::string> NameBuffers(const Plan& plan, const std::vector<std::pair<std::string, int>>& feeds) {
  std::vector<std::string> names(plan.buffers().size());
  for (const auto& [name, buffer] : feeds) names[buffer] = name;
  for (const PlanStep& step : plan.steps()) {
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      std::string& name = names[step.outputs[i]];
      const std::string output = step.outputs.size() == 1 ? "" : absl::StrCat(".", i);
      absl::StrAppend(&name, name.empty() ? "" : " > ", step.name, output);
    }
    if (step.scratch >= 0) names[step.scratch] = absl::StrCat("scratch of ", step.name);
  }
  return names;
}

// Of so many runs of neighbouring steps, the fullest of each.
std::vector<int> FullestSteps(const std::vector<int64_t>& alive, int steps, int runs) {
  std::vector<int> fullest;
  for (int run = 0; run < runs; ++run) {
    const auto begin = alive.begin() + int64_t{run} * steps / runs,
               end = alive.begin() + (run + 1) * int64_t{steps} / runs;
    fullest.push_back(static_cast<int>(std::max_element(begin, end) - alive.begin()));
  }
  return fullest;
}

// Lines under the picture: where stages end, and the fullest step.
std::string Ruler(int width, int steps, int peak, const int stage_end[3], int turn) {
  std::string line(width, '-');
  const auto put = [&](int step, char mark) {
    if (steps > 0 && step < steps) line[std::min<int64_t>(width - 1, int64_t{step} * width / steps)] = mark;
  };
  put(0, '|');
  put(turn, '<');
  for (int stage = 0; stage < 2; ++stage) put(stage_end[stage], '|');
  put(peak, '^');
  return line;
}

}  // namespace

std::string Plan::DrawMemory(int width, int height) const {
  std::vector<int> used;  // buffers of the arena
  for (size_t b = 0; b < buffers_.size(); ++b) {
    if (buffers_[b].offset >= 0) used.push_back(static_cast<int>(b));
  }
  const int steps = static_cast<int>(steps_.size());
  if (used.empty() || steps == 0) return "the arena is empty\n";
  std::vector<std::pair<std::string, int>> feeds;
  for (const auto& [name, feed] : feeds_) feeds.emplace_back(name, feed.buffer);
  const std::vector<std::string> names = NameBuffers(*this, feeds);

  std::vector<int> by_size = used;
  std::stable_sort(by_size.begin(), by_size.end(),
                   [this](int a, int b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::vector<char> letter(buffers_.size(), kOther);
  const size_t lettered = std::min(kMostLetters, by_size.size());
  for (size_t i = 0; i < lettered; ++i) letter[by_size[i]] = kLetters[i];

  std::vector<int64_t> alive(steps + 1);
  for (int b : used) {
    const PlanBuffer& buffer = buffers_[b];
    alive[buffer.first_step] += buffer.bytes;
    alive[buffer.last_step + 1] -= buffer.bytes;
  }
  std::partial_sum(alive.begin(), alive.end(), alive.begin());
  const int peak = static_cast<int>(std::max_element(alive.begin(), alive.end()) - alive.begin());
  int turn = 0;
  while (turn < steps && (steps_[turn].node < 0 || program_.graph.node(steps_[turn].node).forward < 0)) ++turn;

  const std::vector<int> columns = FullestSteps(alive, steps, std::min(width, steps));
  const int last_column = static_cast<int>(columns.size()) - 1;
  std::vector<BufferUse> uses = {{0, 0, last_column}};
  gradus::MemoryPlan plan;
  plan.offsets = {0};
  plan.total_bytes = arena_bytes_;
  std::string letters(1, kOther);
  for (int b : used) {
    const PlanBuffer& buffer = buffers_[b];
    const auto begin = std::lower_bound(columns.begin(), columns.end(), buffer.first_step);
    const auto end = std::upper_bound(columns.begin(), columns.end(), buffer.last_step);
    if (begin == end) continue;
    uses.push_back(
        {buffer.bytes, static_cast<int>(begin - columns.begin()), static_cast<int>(end - columns.begin()) - 1});
    plan.offsets.push_back(buffer.offset);
    letters.push_back(letter[b]);
  }
  std::string text = DrawMemoryPlan(uses, plan, width, height, letters);
  absl::StrAppend(&text, Ruler(width, steps, peak, stage_end_, turn), "\n");
  absl::StrAppend(&text, "across: ", steps,
                  " steps (< the way back begins, | a stage ends, ^ the fullest step); up: ", HumanBytes(arena_bytes_),
                  " of arena, ", HumanBytes(lower_bound_), " at least\n\nThe largest:\n");
  const auto line = [&](int b) {
    const PlanBuffer& buffer = buffers_[b];
    absl::StrAppendFormat(&text, "  %c %9s  steps %5d to %5d  %s\n", letter[b], HumanBytes(buffer.bytes),
                          buffer.first_step, buffer.last_step, names[b]);
  };
  for (size_t i = 0; i < lettered; ++i) line(by_size[i]);
  absl::StrAppend(&text, "\nAlive at the fullest step, ", peak, " '", steps_[peak].name, "', ", HumanBytes(alive[peak]),
                  ":\n");
  size_t listed = 0, others = 0;
  int64_t other_bytes = 0;
  for (int b : by_size) {
    if (buffers_[b].first_step > peak || buffers_[b].last_step < peak || buffers_[b].bytes == 0) continue;
    if (listed < kMostLines) {
      line(b);
      ++listed;
    } else {
      ++others;
      other_bytes += buffers_[b].bytes;
    }
  }
  if (others > 0) absl::StrAppendFormat(&text, "    %9s  in %d others\n", HumanBytes(other_bytes), others);
  return text;
}

}  // namespace gradus
