#include "graph/passes.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"

namespace gradus {
namespace {

// Keeps some nodes of the program and lets `same_as` take the places of the others.
void Rebuild(Program* program, const std::vector<bool>& keep, const std::vector<int>& same_as) {
  std::vector<int> moved;
  program->graph = std::move(program->graph).Rebuild(keep, same_as, &moved);
  const auto move = [&](Value* value) { value->node = moved[same_as[value->node]]; };
  for (NamedValue& fetch : program->fetches) move(&fetch.value);
  for (auto& [gradient, parameter] : program->gradients) {
    move(&gradient);
    move(&parameter);
  }
}

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

absl::Status Broken(const Node& node, absl::string_view what) {
  return absl::InternalError(absl::StrCat("node '", node.name, "' (", node.op->name(), "): ", what));
}

absl::Status VerifyInputs(const Graph& graph, int index) {
  const Node& node = graph.node(index);
  std::vector<TensorType> types;
  types.reserve(node.inputs.size());
  for (Value input : node.inputs) {
    if (input.node < 0 || input.node >= index) return Broken(node, "an input does not come before it");
    if (input.output >= static_cast<int>(graph.node(input).outputs.size())) {
      return Broken(node, absl::StrCat("'", graph.node(input).name, "' has no output ", input.output));
    }
    if (graph.node(input).stage > node.stage) return Broken(node, "an input comes from a later stage");
    types.push_back(graph.type(input));
  }
  if (node.forward >= index) return Broken(node, "its forward partner does not come before it");
  absl::StatusOr<std::vector<TensorType>> outputs = node.op->types()(TypeContext{types, node.attrs});
  if (!outputs.ok()) return Broken(node, outputs.status().message());
  if (*outputs != node.outputs) return Broken(node, "its types are not what its operation says");
  return absl::OkStatus();
}

// `written`: by variable, whether an earlier node writes it.
absl::Status VerifyVariable(const Graph& graph, int index, std::vector<bool>* written) {
  const Node& node = graph.node(index);
  const int variable = graph.variable_of(index);
  if (variable < 0) return absl::OkStatus();
  if (variable >= static_cast<int>(graph.variables().size())) return Broken(node, "there is no such variable");
  if (!node.op->is_sink()) {
    return graph.ReadOf(variable) == Value{index, 0} ? absl::OkStatus() : Broken(node, "a second read");
  }
  if (node.stage == Stage::kCompute) return Broken(node, "writes a variable in the compute stage");
  if ((*written)[variable]) return Broken(node, "a second write");
  (*written)[variable] = true;
  return absl::OkStatus();
}

absl::Status VerifyNodes(const Graph& graph) {
  absl::flat_hash_set<absl::string_view> names;
  names.reserve(graph.size());
  std::vector<bool> written(graph.variables().size(), false);
  for (int i = 0; i < graph.size(); ++i) {
    if (!names.insert(graph.node(i).name).second) return Broken(graph.node(i), "its name is not unique");
    GRADUS_RETURN_IF_ERROR(VerifyInputs(graph, i));
    GRADUS_RETURN_IF_ERROR(VerifyVariable(graph, i, &written));
  }
  return absl::OkStatus();
}

bool Exists(const Graph& graph, Value value) {
  return value.node >= 0 && value.node < graph.size() &&
         value.output < static_cast<int>(graph.node(value).outputs.size());
}

// What leaves the graph.
absl::Status VerifyEnds(const Program& program) {
  const Graph& graph = program.graph;
  absl::flat_hash_set<absl::string_view> names;
  for (const NamedValue& fetch : program.fetches) {
    if (!Exists(graph, fetch.value)) return absl::InternalError(absl::StrCat("fetch '", fetch.name, "' is of no node"));
    if (!names.insert(fetch.name).second) {
      return absl::InternalError(absl::StrCat("there are two fetches '", fetch.name, "'"));
    }
  }
  for (const auto& [gradient, parameter] : program.gradients) {
    if (!Exists(graph, gradient) || !Exists(graph, parameter)) {
      return absl::InternalError("a gradient, or its parameter, is of no node");
    }
    if (graph.type(gradient) == graph.type(parameter)) continue;
    return absl::InternalError(absl::StrCat("the gradient of '", graph.node(parameter).name, "' is ",
                                            graph.type(gradient).ToString(), "; the parameter is ",
                                            graph.type(parameter).ToString()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Prune(Program* program) {
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
  if (std::find(keep.begin(), keep.end(), false) == keep.end()) return absl::OkStatus();
  std::vector<int> same(graph.size());
  std::iota(same.begin(), same.end(), 0);
  Rebuild(program, keep, same);
  return absl::OkStatus();
}

absl::Status MergeEqual(Program* program) {
  const Graph& graph = program->graph;
  std::vector<bool> keep(graph.size(), true);
  absl::flat_hash_map<NodeKey, int> seen;
  seen.reserve(graph.size());
  std::vector<int> same_as(graph.size());
  bool merged = false;
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    same_as[i] = i;
    if (node.op->is_random() || node.op->is_sink() || node.op->is_source()) continue;
    NodeKey key{node.op, node.inputs, node.attrs, node.forward < 0 ? -1 : same_as[node.forward], node.stage};
    for (Value& input : key.inputs) input.node = same_as[input.node];
    const auto [entry, added] = seen.try_emplace(std::move(key), i);
    if (added) continue;
    same_as[i] = entry->second;
    keep[i] = false;
    merged = true;
  }
  if (merged) Rebuild(program, keep, same_as);
  return absl::OkStatus();
}

const std::vector<Pass>& Pipeline() {
  static const auto* const passes = new std::vector<Pass>{
      {"prune", Prune},
      {"merge_equal", MergeEqual},
  };
  return *passes;
}

absl::Status RunPasses(Program* program, const PassOptions& options, const std::vector<Pass>& passes) {
  if (options.dump) options.dump("", *program);
  for (const std::string& name : options.skip) {
    std::vector<std::string> known;
    for (const Pass& pass : passes) known.push_back(pass.name);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat("there is no pass '", name, "' to skip", Suggestion(name, known)));
  }
  for (const Pass& pass : passes) {
    if (std::find(options.skip.begin(), options.skip.end(), pass.name) != options.skip.end()) continue;
    GRADUS_RETURN_IF_ERROR(pass.run(program));
    const absl::Status verified = Verify(*program);
    if (!verified.ok()) {
      return absl::InternalError(absl::StrCat("after pass '", pass.name, "': ", verified.message()));
    }
    if (options.dump) options.dump(pass.name, *program);
  }
  return absl::OkStatus();
}

absl::Status Verify(const Program& program) {
  GRADUS_RETURN_IF_ERROR(VerifyNodes(program.graph));
  return VerifyEnds(program);
}

}  // namespace gradus
