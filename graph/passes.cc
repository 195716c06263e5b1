#include "graph/passes.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/rewrite.h"

namespace gradus {
namespace {

constexpr char kAllPasses[] = "all", kPrune[] = "prune";

// What two nodes must share to be one.
struct NodeKey {
  const OpDef* op;
  std::vector<Value> inputs;
  Attrs attrs;
  int forward;
  Stage stage;
  friend bool operator==(const NodeKey& a, const NodeKey& b) {
    return a.op == b.op && a.inputs == b.inputs && a.attrs == b.attrs && a.forward == b.forward && a.stage == b.stage;
  }
  template <typename H>
  friend H AbslHashValue(H h, const NodeKey& key) {
    return H::combine(std::move(h), key.op, key.inputs, key.attrs, key.forward, key.stage);
  }
};

}  // namespace

absl::Status Prune(Program* program, PassLog* log) {
  const Graph& graph = program->graph;
  std::vector<bool> keep(graph.size(), false);
  for (const NamedValue& fetch : program->fetches) keep[fetch.value.node] = true;
  for (const auto& [gradient, parameter] : program->gradients) keep[gradient.node] = keep[parameter.node] = true;
  for (int i = graph.size() - 1; i >= 0; --i) {
    const Node& node = graph.node(i);
    if (node.op->is_sink()) keep[i] = true;
    if (!keep[i]) continue;
    for (Value input : node.inputs) keep[input.node] = true;
    if (node.forward >= 0) keep[node.forward] = true;
  }
  Graph::Rebuilding rebuilding;
  for (int i = 0; i < graph.size(); ++i) {
    if (keep[i]) rebuilding.order.push_back(i);
  }
  const int dropped = graph.size() - static_cast<int>(rebuilding.order.size());
  if (dropped == 0) return absl::OkStatus();
  log->done.push_back(absl::StrCat(dropped, " of ", graph.size(), " nodes are needed by nobody"));
  Rebuild(program, rebuilding);
  return absl::OkStatus();
}

absl::Status MergeEqual(Program* program, PassLog* log) {
  const Graph& graph = program->graph;
  Graph::Rebuilding rebuilding;
  absl::flat_hash_map<NodeKey, int> seen;
  seen.reserve(graph.size());
  std::vector<int> same_as(graph.size());
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    same_as[i] = i;
    if (node.op->is_random() || node.op->is_sink() || node.op->is_source()) {
      rebuilding.order.push_back(i);
      continue;
    }
    NodeKey key{node.op, node.inputs, node.attrs, node.forward < 0 ? -1 : same_as[node.forward], node.stage};
    for (Value& input : key.inputs) input.node = same_as[input.node];
    const auto [entry, added] = seen.try_emplace(std::move(key), i);
    if (added) {
      rebuilding.order.push_back(i);
      continue;
    }
    same_as[i] = entry->second;
    rebuilding.partners[i] = same_as[i];
    for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
      rebuilding.values[{i, output}] = {same_as[i], output};
    }
    log->done.push_back(absl::StrCat(Describe(node), " is ", Describe(graph.node(same_as[i]))));
  }
  if (!rebuilding.values.empty()) Rebuild(program, rebuilding);
  return absl::OkStatus();
}

REGISTER_PASS(prune, 0, Prune);
REGISTER_PASS(merge_equal, 10, MergeEqual);

const std::vector<Pass>& Pipeline() {
  static const std::vector<Pass>* const passes = [] {
    const Registry<PassEntry>& registry = Registry<PassEntry>::Get();
    std::vector<std::pair<int, Pass>> ranked;
    for (const std::string& name : registry.Names()) {
      const PassEntry& entry = *registry.Find(name);
      ranked.push_back({entry.rank, {name, entry.run}});
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    auto* const sorted = new std::vector<Pass>;
    for (auto& [rank, pass] : ranked) sorted->push_back(std::move(pass));
    return sorted;
  }();
  return *passes;
}

absl::Status RunPasses(Program* program, const PassOptions& options, const std::vector<Pass>& passes) {
  if (options.dump) options.dump("", *program);
  std::vector<std::string> known;
  for (const Pass& pass : passes) known.push_back(pass.name);
  for (const std::string& name : options.skip) {
    if (name == kAllPasses || std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat("there is no pass '", name, "' to skip", Suggestion(name, known)));
  }
  const auto skipped = [&](absl::string_view name) {
    return std::find(options.skip.begin(), options.skip.end(), name) != options.skip.end();
  };
  for (const Pass& pass : passes) {
    if (skipped(pass.name) || (skipped(kAllPasses) && pass.name != kPrune)) continue;
    PassLog log;
    const int64_t changes = program->graph.changes();
    const Program* const prologue = program->prologue.get();
    GRADUS_RETURN_IF_ERROR(pass.run(program, &log));
    const bool changed = program->graph.changes() != changes || program->prologue.get() != prologue;
    const absl::Status verified = changed ? Verify(*program) : VerifyEnds(*program);
    if (!verified.ok()) {
      return absl::InternalError(absl::StrCat("after pass '", pass.name, "': ", verified.message()));
    }
    if (options.dump) options.dump(pass.name, *program);
    if (options.explain) options.explain(pass.name, log);
  }
  return absl::OkStatus();
}

}  // namespace gradus
