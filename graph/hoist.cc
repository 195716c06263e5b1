// Moves what a program computes of constants and of variables that it does not write into its prologue, so that it is
// computed once for each value of the variables: the weights of a convolution, scaled by the batch norm behind it. The
// results are variables of Role::kDerived, with storage layouts and replicas like others. Their names end with a
// checksum of how they are made, so that plans of one store share equal ones and never mix others up.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/crc32c.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/passes.h"
#include "graph/rewrite.h"

namespace gradus {
namespace {

// By node: whether its outputs are the same in every run, as long as nobody writes a variable.
std::vector<bool> FindConstants(const Graph& graph) {
  std::vector<bool> written(graph.variables().size(), false), is_partner(graph.size(), false);
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    if (node.op->is_sink() && graph.variable_of(i) >= 0) written[graph.variable_of(i)] = true;
    if (node.forward >= 0) is_partner[node.forward] = true;
  }
  std::vector<bool> constant(graph.size());
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    const int variable = graph.variable_of(i);
    constant[i] = node.stage == Stage::kCompute && !node.op->is_random() && !node.op->is_sink() && !is_partner[i] &&
                  node.forward < 0 && (variable >= 0 ? !written[variable] : !node.op->is_source());
    for (Value input : node.inputs) constant[i] = constant[i] && constant[input.node];
    for (const TensorType& type : node.outputs) constant[i] = constant[i] && type.dtype != DType::kOpaque;
  }
  return constant;
}

class Hoister {
 public:
  Hoister(Program* program, PassLog* log)
      : rewriter_(program, log), program_(program), graph_(program->graph), constant_(FindConstants(graph_)) {}

  absl::Status Run() {
    FindWork();
    for (int i = 0; i < rewriter_.size(); ++i) {
      if (!work_[i]) continue;
      bool hoisted = false;
      for (int output = 0; output < static_cast<int>(graph_.node(i).outputs.size()); ++output) {
        if (!IsRead({i, output})) continue;
        GRADUS_RETURN_IF_ERROR(Hoist({i, output}));
        hoisted = true;
      }
      if (!hoisted) continue;
      rewriter_.Did(absl::StrCat(Describe(graph_.node(i)), " runs when variables have changed, not in every step"));
    }
    for (int i = rewriter_.size() - 1; i >= 0; --i) {
      if (constant_[i] && IsLeft(i)) rewriter_.Absorb({i}, -1);
    }
    GRADUS_RETURN_IF_ERROR(rewriter_.Finish());
    if (prologue_.graph.size() == 0) return absl::OkStatus();
    prologue_.inference = program_->inference;
    program_->prologue = std::make_shared<const Program>(std::move(prologue_));
    return absl::OkStatus();
  }

 private:
  // Constants that cost something: no sources, nothing without inputs, no other shape of a variable.
  void FindWork() {
    work_.resize(rewriter_.size());
    for (int i = 0; i < rewriter_.size(); ++i) {
      const Node& node = graph_.node(i);
      work_[i] = constant_[i] && !node.inputs.empty() && (node.op->views().empty() || work_[node.inputs[0].node]);
    }
  }

  // Whether anything that stays reads the value.
  bool IsRead(Value value) const {
    if (rewriter_.Leaves(value)) return true;
    for (int reader : rewriter_.Readers(value)) {
      if (!work_[reader]) return true;
    }
    return false;
  }

  // Whether a constant node has become superfluous.
  bool IsLeft(int i) const {
    if (work_[i]) return true;
    bool left = false;
    for (int output = 0; output < static_cast<int>(graph_.node(i).outputs.size()); ++output) {
      if (rewriter_.Leaves({i, output})) return false;
      for (int reader : rewriter_.Readers({i, output})) {
        if (!rewriter_.IsGone(reader)) return false;
        left = true;
      }
    }
    return left;
  }

  absl::Status Hoist(Value value) {
    const Node& node = graph_.node(value);
    GRADUS_ASSIGN_OR_RETURN(const Copied copied, CopyToPrologue(value.node));
    Variable variable;
    variable.name = absl::StrCat(node.name, value.output == 0 ? "" : absl::StrCat(".", value.output),
                                 absl::StrFormat("#%08x", copied.checksum));
    variable.type = graph_.type(value);
    variable.role = Role::kDerived;
    variable.where = node.where;
    GRADUS_ASSIGN_OR_RETURN(const Value target, prologue_.graph.AddVariable(variable));
    const Value made = {copied.node, value.output};
    GRADUS_RETURN_IF_ERROR(prologue_.graph.Assign(target, made, Stage::kUpdate));
    prologue_.gradients.emplace_back(made, target);
    GRADUS_ASSIGN_OR_RETURN(const Value read, rewriter_.AddVariable(std::move(variable), value.node));
    rewriter_.Replace(value, read);
    return absl::OkStatus();
  }

  struct Copied {
    int node = -1;  // of the prologue
    uint32_t checksum = 0;
  };

  // The node and all that it needs, which come before it.
  absl::StatusOr<Copied> CopyToPrologue(int last) {
    std::vector<bool> needed(last + 1, false);
    needed[last] = true;
    copied_.resize(rewriter_.size());
    for (int i = last; i >= 0; --i) {
      if (!needed[i]) continue;
      for (Value input : graph_.node(i).inputs) needed[input.node] = true;
    }
    for (int i = 0; i <= last; ++i) {
      if (!needed[i] || copied_[i].node >= 0) continue;
      GRADUS_ASSIGN_OR_RETURN(copied_[i], CopyNode(i));
    }
    return copied_[last];
  }

  absl::StatusOr<Copied> CopyNode(int index) {
    const Node& node = graph_.node(index);
    const int variable = graph_.variable_of(index);
    std::string made = node.op->name();
    if (variable >= 0) {
      const Variable& source = graph_.variables()[variable];
      GRADUS_ASSIGN_OR_RETURN(const Value read, prologue_.graph.AddVariable(source));
      absl::StrAppend(&made, " ", source.name, " ", source.type.ToString());
      return Copied{read.node, Crc32c(made)};
    }
    std::vector<Value> inputs;
    absl::StrAppend(&made, " {", node.attrs.text(), "}");
    for (Value input : node.inputs) {
      inputs.push_back({copied_[input.node].node, input.output});
      absl::StrAppend(&made, " ", copied_[input.node].checksum, ".", input.output);
    }
    GRADUS_ASSIGN_OR_RETURN(const Value copy, prologue_.graph.Add({node.op->name(), node.name, std::move(inputs),
                                                                   node.attrs, node.where, Stage::kUpdate, -1}));
    return Copied{copy.node, Crc32c(made)};
  }

  Rewriter rewriter_;
  Program* program_;
  const Graph& graph_;
  std::vector<bool> constant_, work_;
  std::vector<Copied> copied_;
  Program prologue_;
};

absl::Status HoistConstants(Program* program, PassLog* log) {
  if (program->prologue != nullptr) return absl::OkStatus();
  return Hoister(program, log).Run();
}

REGISTER_PASS(hoist_constants, 80, HoistConstants);

}  // namespace
}  // namespace gradus
