#include "graph/step_trace.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "graph/op.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSpanTrack = 1, kStepTrack = 2;

Json Complete(const std::string& name, absl::string_view category, int track, int64_t begin, int64_t end) {
  return {{"name", name},
          {"cat", std::string(category)},
          {"ph", "X"},
          {"ts", static_cast<double>(begin) * 1e-3},
          {"dur", static_cast<double>(end - begin) * 1e-3},
          {"pid", 1},
          {"tid", track}};
}

Json Metadata(const char* what, int track, absl::string_view name) {
  return {{"name", what}, {"ph", "M"}, {"pid", 1}, {"tid", track}, {"args", {{"name", std::string(name)}}}};
}

}  // namespace

int64_t StepTrace::Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void StepTrace::Before(int step) {
  if (before_) before_();
  events_.push_back({step, Now(), 0});
}

void StepTrace::After(int) { events_.back().end = Now(); }

std::vector<double> StepTrace::Medians() const {
  std::vector<std::vector<double>> times(plan_->steps().size());
  for (const Event& event : events_) times[event.step].push_back(static_cast<double>(event.end - event.begin) * 1e-6);
  std::vector<double> medians;
  for (std::vector<double>& step : times) {
    std::sort(step.begin(), step.end());
    medians.push_back(step.empty() ? 0 : step[step.size() / 2]);
  }
  return medians;
}

std::string StepTrace::ToJson(absl::string_view title) const {
  int64_t origin = events_.empty() ? 0 : events_[0].begin;
  for (const Named& span : spans_) origin = std::min(origin, span.begin);
  Json events = Json::array();
  events.push_back(Metadata("process_name", 0, title));
  events.push_back(Metadata("thread_name", kSpanTrack, "run"));
  events.push_back(Metadata("thread_name", kStepTrack, "kernels"));
  for (const Named& span : spans_) {
    events.push_back(Complete(span.name, "run", kSpanTrack, span.begin - origin, span.end - origin));
  }
  for (const Event& event : events_) {
    const PlanStep& step = plan_->steps()[event.step];
    const std::string& category = step.node < 0 ? "reorder" : plan_->program().graph.node(step.node).op->name();
    Json json = Complete(step.name, category, kStepTrack, event.begin - origin, event.end - origin);
    Json& args = json["args"];
    args["kernel"] = step.implementation;
    if (!step.output_layouts.empty()) args["layout"] = step.output_layouts[0].ToString();
    const StepWork work = WorkOf(*plan_, event.step);
    const auto nanoseconds = static_cast<double>(std::max<int64_t>(event.end - event.begin, 1));
    if (work.flops > 0) args["GFLOP/s"] = work.flops / nanoseconds;
    args["GB/s"] = work.bytes / nanoseconds;
    if (!step.wanted_by.empty()) args["wanted by"] = step.wanted_by;
    events.push_back(std::move(json));
  }
  const Json trace = {{"traceEvents", std::move(events)}, {"displayTimeUnit", "ms"}};
  // Names are the user's, in any encoding.
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace);
}

StepWork WorkOf(const Plan& plan, int step) {
  const PlanStep& s = plan.steps()[step];
  const Graph& graph = plan.program().graph;
  StepWork work;
  if (s.node >= 0) work.flops = 2 * MacsOf(graph, graph.node(s.node));
  for (size_t i = 0; i < s.choice->at_hand.size(); ++i) {
    const std::vector<Layout>& inputs = s.choice->candidate.inputs;
    const bool any = i >= inputs.size() || inputs[i].any();
    work.bytes += static_cast<double>((any ? s.choice->at_hand[i] : inputs[i]).bytes());
  }
  for (const Layout& layout : s.output_layouts) work.bytes += static_cast<double>(layout.bytes());
  return work;
}

}  // namespace gradus
