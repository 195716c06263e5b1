#include "graph/graph.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"

namespace gradus {
namespace {

std::string Print(absl::Span<const TensorType> types) {
  return absl::StrJoin(types, ", ", [](std::string* out, const TensorType& type) { out->append(type.ToString()); });
}

std::string Print(Value value) {
  return value.output == 0 ? absl::StrCat("%", value.node) : absl::StrCat("%", value.node, ".", value.output);
}

// "takes 2 inputs; it has 1".
std::string WrongCount(const OpDef& op, int count) {
  const bool exact = op.min_inputs() == op.max_inputs();
  const std::string most = op.max_inputs() == kAnyNumber ? " or more" : absl::StrCat(" to ", op.max_inputs());
  return absl::StrCat("takes ", op.min_inputs(), exact ? "" : most,
                      exact && op.min_inputs() == 1 ? " input" : " inputs", "; it has ", count);
}

}  // namespace

std::string Describe(const Variable& variable) {
  const char* role = "";
  switch (variable.role) {
    case Role::kParameter:
      role = "a parameter ";
      break;
    case Role::kState:
      role = "state ";
      break;
    case Role::kSlot:
      role = "an optimizer's slot ";
      break;
    case Role::kAccumulator:
      role = "a sum of gradients ";
      break;
    case Role::kDerived:
      role = "derived from others ";
      break;
  }
  return absl::StrCat(role, variable.type.ToString());
}

std::string Signature(const OpDef& op, absl::Span<const TensorType> inputs) {
  return absl::StrCat(op.name(), "(", Print(inputs), ")");
}

absl::StatusOr<Value> Graph::Add(NodeSpec spec) {
  const OpDef* op = OpRegistry::Get().Find(spec.op);
  if (op == nullptr) {
    return ErrorAt(spec.where, absl::StrCat("'", spec.name, "': no operation '", spec.op, "' is registered"));
  }
  std::vector<TensorType> types;
  types.reserve(spec.inputs.size());
  for (Value input : spec.inputs) {
    GRADUS_CHECK(input.valid() && input.node < size());
    GRADUS_CHECK(input.output < static_cast<int>(nodes_[input.node].outputs.size()));
    types.push_back(type(input));
  }
  const int count = static_cast<int>(types.size());
  if (count < op->min_inputs() || count > op->max_inputs()) {
    return ErrorAt(spec.where,
                   absl::StrCat("'", spec.name, "': ", Signature(*op, types), ": ", WrongCount(*op, count)));
  }
  absl::StatusOr<std::vector<TensorType>> outputs = op->types()(TypeContext{types, spec.attrs});
  if (!outputs.ok()) {
    return ErrorAt(spec.where,
                   absl::StrCat("'", spec.name, "': ", Signature(*op, types), ": ", outputs.status().message()));
  }

  std::string name = std::move(spec.name);
  if (by_name_.contains(name)) {
    int& suffix = next_suffix_[name];
    if (suffix == 0) suffix = 2;
    std::string unique;
    do {
      unique = absl::StrCat(name, "_", suffix++);
    } while (by_name_.contains(unique));
    name = std::move(unique);
  }
  by_name_.emplace(name, size());
  ++changes_;
  Node& node = nodes_.emplace_back();
  node.op = op;
  node.name = std::move(name);
  node.inputs = std::move(spec.inputs);
  node.attrs = std::move(spec.attrs);
  node.outputs = *std::move(outputs);
  node.where = std::move(spec.where);
  node.stage = spec.stage;
  node.forward = spec.forward;
  return Value{size() - 1, 0};
}

absl::StatusOr<Value> Graph::AddVariable(Variable variable) {
  const int known = FindVariable(variable.name);
  if (known >= 0) {
    const Variable& other = variables_[known];
    if (other.type != variable.type || other.role != variable.role || other.scope != variable.scope) {
      return ErrorAt(variable.where, absl::StrCat("variable '", variable.name, "' is ", Describe(variable),
                                                  " here but ", Describe(other), " at ", other.where.ToString()));
    }
    return reads_[known];
  }
  const int index = static_cast<int>(variables_.size());
  GRADUS_ASSIGN_OR_RETURN(
      Value read,
      Add({"Variable", variable.name, {}, VariableAttrs{index, variable.type}, variable.where, Stage::kCompute, -1}));
  variable_by_name_.emplace(variable.name, index);
  variables_.push_back(std::move(variable));
  reads_.push_back(read);
  assigns_.push_back(-1);
  return read;
}

absl::Status Graph::Assign(Value variable, Value value, Stage stage) {
  const int index = variable_of(variable.node);
  GRADUS_CHECK(index >= 0 && stage != Stage::kCompute);
  const Variable& written = variables_[index];
  if (type(value) != written.type) {
    return ErrorAt(node(value).where, absl::StrCat("variable '", written.name, "' is ", written.type.ToString(),
                                                   " but the value written to it is ", type(value).ToString()));
  }
  if (assigns_[index] >= 0) {
    return ErrorAt(node(value).where, absl::StrCat("variable '", written.name, "' is written twice in one step"));
  }
  GRADUS_ASSIGN_OR_RETURN(Value assign, Add({"Assign",
                                             absl::StrCat(written.name, "/assign"),
                                             {value},
                                             VariableAttrs{index, written.type},
                                             node(value).where,
                                             stage,
                                             -1}));
  assigns_[index] = assign.node;
  return absl::OkStatus();
}

int Graph::Find(absl::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? -1 : found->second;
}

int Graph::FindVariable(absl::string_view name) const {
  auto found = variable_by_name_.find(name);
  return found == variable_by_name_.end() ? -1 : found->second;
}

int Graph::variable_of(int node) const {
  static const OpDef* const read = OpRegistry::Get().Find("Variable");
  static const OpDef* const write = OpRegistry::Get().Find("Assign");
  const OpDef* const op = nodes_[node].op;
  if (op != read && op != write) return -1;
  return nodes_[node].attrs.as<VariableAttrs>().variable;
}

std::string Graph::ToString() const {
  std::string text;
  for (int i = 0; i < size(); ++i) {
    const Node& n = nodes_[i];
    absl::StrAppend(&text, "%", i, " = ", n.op->name(), "(",
                    absl::StrJoin(n.inputs, ", ", [](std::string* out, Value v) { out->append(Print(v)); }), ")");
    if (!n.attrs.text().empty()) absl::StrAppend(&text, " {", n.attrs.text(), "}");
    if (!n.outputs.empty()) absl::StrAppend(&text, " : ", Print(n.outputs));
    absl::StrAppend(&text, "  # ", n.name);
    if (n.stage == Stage::kCommit) absl::StrAppend(&text, " [commit]");
    if (n.stage == Stage::kUpdate) absl::StrAppend(&text, " [update]");
    absl::StrAppend(&text, "\n");
  }
  return text;
}

Graph Graph::Rebuild(const Rebuilding& rebuilding, std::vector<int>* moved) && {
  Graph result;
  result.changes_ = changes_ + 1;
  std::vector<int> variables(nodes_.size());
  for (int i = 0; i < size(); ++i) variables[i] = variable_of(i);
  result.variables_ = std::move(variables_);
  result.variable_by_name_ = std::move(variable_by_name_);
  result.reads_.assign(result.variables_.size(), Value{});
  result.assigns_.assign(result.variables_.size(), -1);
  result.by_name_.reserve(rebuilding.order.size());
  moved->assign(nodes_.size(), -1);
  for (size_t i = 0; i < rebuilding.order.size(); ++i) (*moved)[rebuilding.order[i]] = static_cast<int>(i);
  for (const int old : rebuilding.order) {
    const int index = result.size();
    Node& node = result.nodes_.emplace_back(std::move(nodes_[old]));
    for (Value& input : node.inputs) {
      const auto other = rebuilding.values.find(input);
      if (other != rebuilding.values.end()) input = other->second;
      input.node = (*moved)[input.node];
    }
    if (node.forward >= 0) {
      const auto other = rebuilding.partners.find(node.forward);
      node.forward = (*moved)[other != rebuilding.partners.end() ? other->second : node.forward];
    }
    result.by_name_.emplace(node.name, index);
    if (variables[old] >= 0 && node.op->is_sink()) {
      result.assigns_[variables[old]] = index;
    } else if (variables[old] >= 0) {
      result.reads_[variables[old]] = Value{index, 0};
    }
  }
  return result;
}

}  // namespace gradus
