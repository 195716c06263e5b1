// The small writes of a stage are one operation: the updates of biases, scales and shifts, running statistics, sums of
// their gradients. Alone each is too little for more than one thread. Which operation an update is does not matter, so
// that an optimizer of another library is served, too.
//
// The large ones stay alone: all threads work at each of them anyway, and the plan says what each takes. Merging makes
// no gradient live longer. All of them are read once more when the last is there, for the norm that decides whether the
// step is taken; the writes come after that.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/rewrite.h"
#include "ops/together.h"

namespace gradus {
namespace {

constexpr int64_t kSmall = 1 << 15;   // elements of an output
constexpr size_t kMostTogether = 64;  // of one node: plans look at all of its pairs for each, and threads have enough

// Makes values that are written to variables, and that nothing else of its stage reads.
bool IsWrite(const Rewriter& rewriter, int node) {
  const Node& n = rewriter.node(node);
  if (n.stage == Stage::kCompute || n.op->is_sink() || n.op->is_source() || n.forward >= 0) return false;
  for (int output = 0; output < static_cast<int>(n.outputs.size()); ++output) {
    bool written = false;
    for (int reader : rewriter.Readers({node, output})) {
      const Node& other = rewriter.node(reader);
      if (!other.op->is_sink() && other.stage == n.stage) return false;
      written = written || other.op->is_sink();
    }
    if (!written) return false;
  }
  return true;
}

bool IsSmall(const Node& node) {
  for (const TensorType& type : node.outputs) {
    if (type.shape.num_elements() >= kSmall) return false;
  }
  return true;
}

absl::Status Merge(Rewriter* rewriter, const std::vector<int>& nodes, std::string name) {
  const Node& last = rewriter->node(nodes.back());
  TogetherAttrs attrs;
  std::vector<Value> inputs;
  for (int node : nodes) {
    const Node& n = rewriter->node(node);
    attrs.members.push_back(
        {n.op->name(), n.attrs, static_cast<int>(n.inputs.size()), static_cast<int>(n.outputs.size())});
    inputs.insert(inputs.end(), n.inputs.begin(), n.inputs.end());
  }
  GRADUS_ASSIGN_OR_RETURN(const Value all, rewriter->Add({"Together", std::move(name), std::move(inputs),
                                                          std::move(attrs), last.where, last.stage},
                                                         nodes.back()));
  int next = 0;
  for (int node : nodes) {
    for (int output = 0; output < static_cast<int>(rewriter->node(node).outputs.size()); ++output) {
      rewriter->Replace({node, output}, {all.node, next++});
    }
    rewriter->Absorb({node}, -1);
  }
  return absl::OkStatus();
}

absl::Status MergeUpdates(Program* program, PassLog* log) {
  Rewriter rewriter(program, log);
  for (Stage stage : {Stage::kCommit, Stage::kUpdate}) {
    std::vector<int> small;
    int large = 0;
    for (int i = 0; i < rewriter.size(); ++i) {
      if (rewriter.node(i).stage != stage || !IsWrite(rewriter, i)) continue;
      if (IsSmall(rewriter.node(i))) {
        small.push_back(i);
      } else {
        ++large;
      }
    }
    const char* what = stage == Stage::kCommit ? "commits" : "updates";
    if (large > 0) {
      rewriter.Missed(
          absl::StrCat(what, " of ", kSmall, " elements and more stay alone (", large, "): all threads work at each"));
    }
    if (small.size() < 2) continue;
    const size_t groups = (small.size() + kMostTogether - 1) / kMostTogether;
    for (size_t group = 0; group < groups; ++group) {
      const std::vector<int> members(small.begin() + small.size() * group / groups,
                                     small.begin() + small.size() * (group + 1) / groups);
      GRADUS_RETURN_IF_ERROR(
          Merge(&rewriter, members,
                group == 0 ? absl::StrCat("gradus/", what) : absl::StrCat("gradus/", what, "_", group + 1)));
    }
    rewriter.Did(absl::StrCat(small.size(), " small ", what,
                              groups == 1 ? " are one: " : absl::StrCat(" are ", groups, ": "),
                              Describe(rewriter.node(small.front())), small.size() > 2 ? " to " : " and ",
                              Describe(rewriter.node(small.back()))));
  }
  return rewriter.Finish();
}

REGISTER_PASS(merge_updates, 70, MergeUpdates);

}  // namespace
}  // namespace gradus
