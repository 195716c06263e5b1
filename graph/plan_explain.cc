// What a compiled plan moves without computing anything, and why.
#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/human.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "graph/rewrite.h"

namespace gradus {
namespace {

bool Has(const std::vector<int>& buffers, int buffer) {
  return std::find(buffers.begin(), buffers.end(), buffer) != buffers.end();
}

}  // namespace

// What the operation that made the value, or the one that wants it, says about its layout.
std::string Plan::WhyReordered(int step) const {
  const auto reason = [this](const PlanStep& other) {
    if (other.node < 0) return std::string();
    const Node& node = program_.graph.node(other.node);
    return node.op->why_layout().empty() ? std::string() : absl::StrCat(Describe(node), ": ", node.op->why_layout());
  };
  for (int s = step - 1; s >= 0; --s) {
    if (!Has(steps_[s].outputs, steps_[step].inputs[0])) continue;
    if (std::string why = reason(steps_[s]); !why.empty()) return why;
    break;
  }
  for (size_t s = step + 1; s < steps_.size(); ++s) {
    if (Has(steps_[s].inputs, steps_[step].outputs[0])) return reason(steps_[s]);
  }
  return "";
}

// Why the step's output does not lie in the memory of this input.
std::string Plan::WhyNotInPlace(int step, int buffer) const {
  if (buffers_[buffer].variable >= 0) return "it is a variable";
  for (size_t s = step + 1; s < steps_.size(); ++s) {
    if (Has(steps_[s].inputs, buffer)) return absl::StrCat("'", steps_[s].name, "' reads it later");
    if (Has(steps_[s].outputs, buffer)) break;
  }
  const auto lies_there = [buffer](const auto& place) { return place.second.buffer == buffer; };
  if (std::any_of(feeds_.begin(), feeds_.end(), lies_there)) return "it is fed";
  if (std::any_of(fetches_.begin(), fetches_.end(), lies_there)) return "it is fetched";
  return "its memory is not its own";
}

std::string Plan::Explain() const {
  struct Copies {
    int steps = 0;
    int64_t bytes = 0;
  };
  std::map<std::string, Copies> copies;  // by operation
  std::string reorders, residuals;
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    const PlanStep& step = steps_[s];
    if (!step.wanted_by.empty()) {
      const std::string why = WhyReordered(s);
      absl::StrAppend(&reorders, step.name, ": wanted by ", step.wanted_by, why.empty() ? "" : "; ", why, "\n");
    }
    if (step.node < 0) continue;
    const Node& node = program_.graph.node(step.node);
    if (!node.op->why_copy().empty()) {
      Copies& all = copies[node.op->name()];
      ++all.steps;
      for (const TensorType& type : node.outputs) all.bytes += type.bytes();
    }
    const int copied = step.choice->candidate.copied_input;
    if (copied < 0 || step.inputs[copied] == step.outputs[0]) continue;
    absl::StrAppend(&residuals, Describe(node), " copies its input ", copied, " (", HumanBytes(node.outputs[0].bytes()),
                    "): ", WhyNotInPlace(s, step.inputs[copied]), "\n");
  }
  std::string text = std::move(reorders);
  for (const auto& [op, all] : copies) {
    absl::StrAppend(&text, all.steps, " x ", op, " copies ", HumanBytes(all.bytes), ": ",
                    OpRegistry::Get().Find(op)->why_copy(), "\n");
  }
  absl::StrAppend(&text, residuals);
  for (const std::string& note : options_.notes) absl::StrAppend(&text, note, "\n");
  return text;
}

}  // namespace gradus
