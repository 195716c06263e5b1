#include "graph/op.h"

#include <algorithm>

#include "core/check.h"

namespace gradus {

OpRegistry& OpRegistry::Get() {
  static OpRegistry* const registry = new OpRegistry;
  return *registry;
}

OpDef& OpRegistry::Register(absl::string_view name) {
  GRADUS_CHECK(Find(name) == nullptr);
  auto* op = new OpDef;  // lives as long as the process
  op->name_ = std::string(name);
  auto place = std::lower_bound(ops_.begin(), ops_.end(), op->name_,
                                [](const auto& entry, const std::string& key) { return entry.first < key; });
  ops_.insert(place, {op->name_, op});
  return *op;
}

const OpDef* OpRegistry::Find(absl::string_view name) const {
  auto found = std::lower_bound(ops_.begin(), ops_.end(), name,
                                [](const auto& entry, absl::string_view key) { return entry.first < key; });
  return found != ops_.end() && found->first == name ? found->second : nullptr;
}

std::vector<const OpDef*> OpRegistry::All() const {
  std::vector<const OpDef*> all;
  for (const auto& [name, op] : ops_) all.push_back(op);
  return all;
}

double MacsOf(const Graph& graph, const Node& node) {
  if (!node.op->macs()) return 0;
  std::vector<TensorType> inputs;
  for (Value input : node.inputs) inputs.push_back(graph.type(input));
  return node.op->macs()({inputs, node.attrs}, node.outputs);
}

absl::StatusOr<std::vector<TensorType>> SameAsInput(const TypeContext& context) {
  return std::vector<TensorType>{context.input(0)};
}

}  // namespace gradus
