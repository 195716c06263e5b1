#include "examples/step_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "graph/op.h"
#include "graph/step_trace.h"

namespace gradus {
namespace {

// What of the steps' time each kind of step takes, largest first.
std::string Summary(const Plan& plan, const std::vector<double>& warm, double total) {
  std::map<std::string, double> by_kind;
  for (size_t s = 0; s < warm.size(); ++s) {
    const int node = plan.steps()[s].node;
    by_kind[node < 0 ? "reorder" : plan.program().graph.node(node).op->name()] += warm[s];
  }
  std::vector<std::pair<double, std::string>> kinds;
  for (const auto& [kind, ms] : by_kind) kinds.emplace_back(ms, kind);
  std::sort(kinds.rbegin(), kinds.rend());
  std::string text = "\n";
  for (const auto& [ms, kind] : kinds) {
    absl::StrAppendFormat(&text, "%-34.34s %9.3f ms %5.1f%%\n", kind, ms, 100 * ms / total);
  }
  return text;
}

}  // namespace

std::string StepTable(const Plan& plan, const std::vector<double>& warm, const std::vector<double>& cold,
                      const std::map<std::string, NodeLimit>& limits) {
  double total = 0;
  for (double milliseconds : warm) total += milliseconds;
  std::string text = absl::StrFormat("%-34s %-24s %-10s %9s %6s %8s %6s %9s %9s  %s\n", "step", "kernel", "layout",
                                     "ms", "share", "GFLOP/s", "GB/s", "alone", "limit", "limit's kernel");
  for (size_t s = 0; s < plan.steps().size(); ++s) {
    const PlanStep& step = plan.steps()[s];
    const StepWork work = WorkOf(plan, static_cast<int>(s));
    const double nanoseconds = std::max(warm[s] * 1e6, 1.0);
    absl::StrAppendFormat(
        &text, "%-34.34s %-24.24s %-10.10s %9.4f %5.1f%% %8s %6.1f", step.name, step.implementation,
        step.output_layouts.empty() ? "" : step.output_layouts[0].ToString(), warm[s], 100 * warm[s] / total,
        work.flops > 0 ? absl::StrFormat("%.1f", work.flops / nanoseconds) : "", work.bytes / nanoseconds);
    const auto limit = limits.find(step.name);
    if (!cold.empty()) absl::StrAppendFormat(&text, " %9.4f", cold[s]);
    if (limit != limits.end() && !step.again) {
      absl::StrAppendFormat(&text, " %9.4f  %s %s", limit->second.milliseconds, limit->second.implementation,
                            limit->second.layout);
    } else if (!step.wanted_by.empty()) {
      absl::StrAppendFormat(&text, " %9s  wanted by %s", "", step.wanted_by);
    }
    text.push_back('\n');
  }
  return text + Summary(plan, warm, total);
}

}  // namespace gradus
