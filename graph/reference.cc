#include "graph/reference.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"

namespace gradus {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 30;  // of one value: 8 GiB

absl::Status NodeError(const Graph& graph, const Node& node, const absl::Status& error) {
  std::vector<TensorType> inputs;
  for (Value input : node.inputs) inputs.push_back(graph.type(input));
  return absl::Status(error.code(), absl::StrCat(node.where.ToString(), ": reference of '", node.name, "', ",
                                                 Signature(*node.op, inputs), ": ", error.message()));
}

// For each node the last one that reads it: the node itself if none does, graph.size() if it is wanted, -1 if nothing
// needs it.
absl::StatusOr<std::vector<int>> LastReaders(const Graph& graph, absl::Span<const Value> wanted) {
  std::vector<int> last(graph.size(), -1);
  for (Value value : wanted) {
    if (value.node < 0 || value.node >= graph.size() || value.output < 0 ||
        value.output >= static_cast<int>(graph.node(value).outputs.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("value %", value.node, ".", value.output, " is not in the graph of ", graph.size(), " nodes"));
    }
    last[value.node] = graph.size();
  }
  for (int i = graph.size() - 1; i >= 0; --i) {
    if (last[i] < 0) continue;
    for (Value input : graph.node(i).inputs) last[input.node] = std::max(last[input.node], i);
  }
  return last;
}

absl::StatusOr<const ReferenceTensor*> FindFeed(const Graph& graph, int index, const ReferenceFeeds& feeds) {
  const int variable = graph.variable_of(index);
  const std::string& name = variable >= 0 ? graph.variables()[variable].name : graph.node(index).name;
  auto found = feeds.find(name);
  if (found == feeds.end()) {
    return absl::NotFoundError(
        absl::StrCat("nothing is fed for ", variable >= 0 ? "variable" : "input", " '", name, "'"));
  }
  const ReferenceTensor& tensor = found->second;
  const Shape& expected = graph.node(index).outputs[0].shape;
  if (tensor.shape != expected || static_cast<int64_t>(tensor.values.size()) != expected.num_elements()) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is fed ", tensor.values.size(), " elements of shape ",
                                                   tensor.shape.ToString(), "; expected ", expected.ToString()));
  }
  return &tensor;
}

absl::StatusOr<std::vector<ReferenceTensor>> ZeroOutputs(const Node& node) {
  std::vector<ReferenceTensor> outputs;
  for (const TensorType& type : node.outputs) {
    if (type.shape.num_elements() > kMostElements) {
      return absl::ResourceExhaustedError(absl::StrCat(type.ToString(), " is too large for float64 evaluation"));
    }
    outputs.push_back({type.shape, std::vector<double>(type.shape.num_elements())});
  }
  return outputs;
}

absl::Status CheckOutputs(const Node& node, const std::vector<ReferenceTensor>& outputs) {
  if (outputs.size() != node.outputs.size()) {
    return absl::InternalError(absl::StrCat("gave ", outputs.size(), " outputs; expected ", node.outputs.size()));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (node.outputs[i].dtype == DType::kOpaque) continue;
    const Shape& expected = node.outputs[i].shape;
    if (outputs[i].shape != expected || static_cast<int64_t>(outputs[i].values.size()) != expected.num_elements()) {
      return absl::InternalError(absl::StrCat("gave ", outputs[i].values.size(), " elements of shape ",
                                              outputs[i].shape.ToString(), " as output ", i, "; expected ",
                                              expected.ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ReferenceTensor>> EvaluateReference(const Graph& graph, absl::Span<const Value> wanted,
                                                               const ReferenceFeeds& feeds, const RunState& state) {
  GRADUS_ASSIGN_OR_RETURN(const std::vector<int> last, LastReaders(graph, wanted));
  std::vector<const ReferenceTensor*> fed(graph.size(), nullptr);
  std::vector<std::vector<ReferenceTensor>> computed(graph.size());
  auto tensor = [&](Value value) {
    return fed[value.node] != nullptr ? fed[value.node] : &computed[value.node][value.output];
  };

  for (int i = 0; i < graph.size(); ++i) {
    if (last[i] < 0) continue;
    const Node& node = graph.node(i);
    if (node.op->is_source()) {
      auto feed = FindFeed(graph, i, feeds);
      if (!feed.ok()) return NodeError(graph, node, feed.status());
      fed[i] = *feed;
      continue;
    }
    const ReferenceEntry* entry = Registry<ReferenceEntry>::Get().Find(node.op->name());
    if (entry == nullptr) return NodeError(graph, node, absl::UnimplementedError("the operation has no reference"));
    auto outputs = ZeroOutputs(node);
    if (!outputs.ok()) return NodeError(graph, node, outputs.status());
    std::vector<const ReferenceTensor*> inputs;
    for (Value input : node.inputs) inputs.push_back(tensor(input));
    ReferenceContext context{graph, node, std::move(inputs), *outputs, state};
    absl::Status status = entry->function(context);
    if (status.ok()) status = CheckOutputs(node, *outputs);
    if (!status.ok()) return NodeError(graph, node, status);
    computed[i] = *std::move(outputs);
    for (Value input : node.inputs) {
      if (last[input.node] == i) computed[input.node] = {};
    }
  }

  std::vector<ReferenceTensor> results;
  for (Value value : wanted) results.push_back(*tensor(value));
  return results;
}

}  // namespace gradus
