#include "graph/layer_order.h"

#include <algorithm>
#include <cstdint>

namespace gradus {
namespace {

enum class State : uint8_t { kNew, kOpen, kDone };

struct Visit {
  int layer;
  size_t next;  // of what the layer takes
};

// The open visits from `again` on, each of which takes the next, and the last of which takes `again`; turned into the
// direction of the data.
std::vector<int> Cycle(const std::vector<Visit>& visits, int again) {
  std::vector<int> cycle;
  for (auto visit = visits.rbegin(); visit != visits.rend(); ++visit) {
    cycle.push_back(visit->layer);
    if (visit->layer == again) break;
  }
  std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
  return cycle;
}

}  // namespace

// Depth first, from each layer in turn, with the open visits in a list: a layer is placed after all that it takes.
LayerOrder OrderLayers(absl::Span<const std::vector<int>> takes) {
  LayerOrder result;
  std::vector<State> states(takes.size(), State::kNew);
  std::vector<Visit> visits;
  for (int start = 0; start < static_cast<int>(takes.size()); ++start) {
    if (states[start] == State::kNew) visits.push_back({start, 0});
    states[start] = states[start] == State::kNew ? State::kOpen : states[start];
    while (!visits.empty()) {
      Visit& visit = visits.back();
      if (visit.next == takes[visit.layer].size()) {
        states[visit.layer] = State::kDone;
        result.order.push_back(visit.layer);
        visits.pop_back();
        continue;
      }
      const int taken = takes[visit.layer][visit.next++];
      if (states[taken] == State::kOpen) {
        result.cycles.push_back(Cycle(visits, taken));
      } else if (states[taken] == State::kNew) {
        states[taken] = State::kOpen;
        visits.push_back({taken, 0});
      }
    }
  }
  return result;
}

}  // namespace gradus
