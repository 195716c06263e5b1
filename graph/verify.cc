#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/passes.h"

namespace gradus {
namespace {

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
  std::vector<bool> written(graph.variables().size(), false);
  for (int i = 0; i < graph.size(); ++i) {
    if (graph.Find(graph.node(i).name) != i) return Broken(graph.node(i), "its name is not unique");
    GRADUS_RETURN_IF_ERROR(VerifyInputs(graph, i));
    GRADUS_RETURN_IF_ERROR(VerifyVariable(graph, i, &written));
  }
  return absl::OkStatus();
}

bool Exists(const Graph& graph, Value value) {
  return value.node >= 0 && value.node < graph.size() &&
         value.output < static_cast<int>(graph.node(value).outputs.size());
}

}  // namespace

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

absl::Status Verify(const Program& program) {
  GRADUS_RETURN_IF_ERROR(VerifyNodes(program.graph));
  GRADUS_RETURN_IF_ERROR(VerifyEnds(program));
  return program.prologue == nullptr ? absl::OkStatus() : Verify(*program.prologue);
}

}  // namespace gradus
