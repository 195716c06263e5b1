#include "ops/together.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> TogetherTypes(const TypeContext& context) {
  const std::vector<TogetherAttrs::Member>& members = context.attrs.as<TogetherAttrs>().members;
  size_t expected = 0;
  for (const TogetherAttrs::Member& member : members) expected += member.inputs;
  if (members.empty() || context.inputs.size() != expected) {
    return TypeError(absl::StrCat("the ", expected, " inputs of ", members.size(), " members"),
                     absl::StrCat(context.inputs.size()));
  }
  std::vector<TensorType> types;
  size_t first = 0;
  for (const TogetherAttrs::Member& member : members) {
    const OpDef* op = OpRegistry::Get().Find(member.op);
    if (op == nullptr) return TypeError("operations", absl::StrCat("'", member.op, "', which there is not"));
    if (member.inputs < op->min_inputs() || member.inputs > op->max_inputs()) {
      return TypeError(absl::StrCat(op->min_inputs(), " to ", op->max_inputs(), " inputs of ", member.op),
                       absl::StrCat(member.inputs));
    }
    GRADUS_ASSIGN_OR_RETURN(const std::vector<TensorType> outputs,
                            op->types()({context.inputs.subspan(first, member.inputs), member.attrs}));
    if (static_cast<int>(outputs.size()) != member.outputs) {
      return TypeError(absl::StrCat(outputs.size(), " outputs of ", member.op), absl::StrCat(member.outputs));
    }
    types.insert(types.end(), outputs.begin(), outputs.end());
    first += member.inputs;
  }
  return types;
}

std::vector<InputOutputPair> TogetherInPlace(const Attrs& attrs) {
  std::vector<InputOutputPair> pairs;
  int first_input = 0, first_output = 0;
  for (const TogetherAttrs::Member& member : attrs.as<TogetherAttrs>().members) {
    for (InputOutputPair pair : OpRegistry::Get().Find(member.op)->in_place(member.attrs)) {
      pairs.push_back({first_input + pair.input, first_output + pair.output});
    }
    first_input += member.inputs;
    first_output += member.outputs;
  }
  return pairs;
}

}  // namespace

std::string TogetherAttrs::ToString() const {
  std::string text;
  for (size_t i = 0; i < members.size();) {
    const Member& member = members[i];
    size_t end = i + 1;
    while (end < members.size() && members[end].op == member.op && members[end].attrs == member.attrs &&
           members[end].inputs == member.inputs && members[end].outputs == member.outputs) {
      ++end;
    }
    absl::StrAppend(&text, i == 0 ? "" : ", ", end - i, " x ", member.op, "(", member.inputs, " -> ", member.outputs,
                    ") {", member.attrs.text(), "}");
    i = end;
  }
  return text;
}

std::vector<MemberNode> MembersOf(const Node& together) {
  std::vector<MemberNode> nodes;
  int first_input = 0, first_output = 0;
  for (const TogetherAttrs::Member& member : together.attrs.as<TogetherAttrs>().members) {
    MemberNode& part = nodes.emplace_back();
    part.first_input = first_input;
    part.first_output = first_output;
    part.node.op = OpRegistry::Get().Find(member.op);
    part.node.name = together.name;
    part.node.attrs = member.attrs;
    part.node.where = together.where;
    part.node.stage = together.stage;
    first_input += member.inputs;
    first_output += member.outputs;
    part.node.inputs.assign(together.inputs.begin() + part.first_input, together.inputs.begin() + first_input);
    part.node.outputs.assign(together.outputs.begin() + part.first_output, together.outputs.begin() + first_output);
  }
  return nodes;
}

REGISTER_OP(Together)
    .Inputs(1, kAnyNumber)
    .Types(TogetherTypes)
    .NoGradient("made by a pass after differentiation")
    .InPlace(TogetherInPlace);

}  // namespace gradus
