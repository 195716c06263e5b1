#include "graph/plan_builder.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"

namespace gradus {
namespace {

absl::Status At(const Node& node, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(node.where.ToString(), ": ", node.op->name(), " '", node.name,
                                                  "': ", status.message()));
}

}  // namespace

PlanBuilder::PlanBuilder(Program program, VariableStore* store, const PlanOptions& options)
    : plan_(new Plan), store_(store), graph_(plan_->program_.graph) {
  plan_->program_ = std::move(program);
  plan_->store_ = store;
  plan_->options_ = options;
  catalog_ = std::make_shared<KernelCatalog>(plan_->program_.inference, options.threads);
}

absl::Status PlanBuilder::Try(std::shared_ptr<KernelCatalog> catalog, Trial* trial) {
  catalog_ = std::move(catalog);
  trial_ = trial;
  trial->fastest.resize(graph_.size());
  trial->milliseconds_to.resize(graph_.size());
  GRADUS_RETURN_IF_ERROR(DeclareVariables());
  GRADUS_RETURN_IF_ERROR(AddSteps());
  for (const auto& [node, name] : plan_->Choices()) trial->choices[node] = name;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Plan>> PlanBuilder::Build() {
  GRADUS_RETURN_IF_ERROR(DeclareVariables());
  GRADUS_RETURN_IF_ERROR(AddSteps());
  if (plan_->options_.recompute && !plan_->program_.inference) {
    PlaceWithRecomputation();
  } else {
    PlaceBuffers();
  }
  PointAtRoots();
  GRADUS_RETURN_IF_ERROR(MakeKernels());
  return std::move(plan_);
}

absl::Status PlanBuilder::DeclareVariables() {
  for (const Variable& variable : graph_.variables()) {
    // What training carries from batch to batch goes by its name, into checkpoints too; of others nobody needs to know.
    if (variable.scope == Scope::kPlan && plan_->program_.inference) {
      store_index_.push_back(store_->DeclareOwn(variable));
    } else {
      GRADUS_ASSIGN_OR_RETURN(const int index, store_->Declare(variable));
      store_index_.push_back(index);
    }
    if (variable.scope == Scope::kPlan) plan_->carried_.push_back(store_index_.back());
  }
  assigned_.resize(store_->size());
  overwritten_.resize(store_->size());
  for (int i = 0; i < graph_.size(); ++i) {
    const int variable = graph_.variable_of(i);
    if (variable < 0 || !graph_.node(i).op->is_sink()) continue;
    assigned_[store_index_[variable]] = true;
    written_to_[graph_.node(i).inputs[0]] = store_index_[variable];
  }
  for (const auto& [gradient, parameter] : plan_->program_.gradients) parameter_of_[gradient] = parameter;
  return absl::OkStatus();
}

// Nodes in order, stage after stage; the copies that fetches and written variables need come at the end of their stage.
absl::Status PlanBuilder::AddSteps() {
  where_.resize(graph_.size());
  plan_->step_of_.assign(graph_.size(), -1);
  plan_->steps_.reserve(graph_.size());
  plan_->buffers_.reserve(graph_.size());
  lives_.reserve(graph_.size());
  for (Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) {
    stage_ = stage;
    stage_begin_ = static_cast<int>(plan_->steps_.size());
    for (int i = 0; i < graph_.size(); ++i) {
      if (graph_.node(i).stage != stage) continue;
      GRADUS_RETURN_IF_ERROR(AddNode(i));
      if (trial_ != nullptr) GRADUS_RETURN_IF_ERROR(CheckRival(i));
    }
    GRADUS_RETURN_IF_ERROR(AddFetches());
    GRADUS_RETURN_IF_ERROR(AddWrites());
    plan_->stage_end_[static_cast<int>(stage)] = static_cast<int>(plan_->steps_.size());
  }
  return absl::OkStatus();
}

absl::Status PlanBuilder::AddNode(int index) {
  const Node& node = graph_.node(index);
  where_[index].resize(node.outputs.size());
  if (const int variable = graph_.variable_of(index); variable >= 0) {
    if (node.op->is_sink()) return AddAssign(index);
    where_[index][0].variable = store_index_[variable];
    return absl::OkStatus();
  }
  if (node.op->is_source()) {
    Where& where = where_[index][0];
    where.layout = Keep(Layout::Plain(node.outputs[0]));
    where.buffer = NewBuffer(where.layout->bytes());
    lives_[where.buffer].first_write = 0;
    lives_[where.buffer].fed = true;
    plan_->feeds_[node.name] = {where.buffer, node.outputs[0]};
    plan_->feed_order_.push_back(node.name);
    return absl::OkStatus();
  }
  if (!node.op->views().empty()) return AddView(index, node.op->views()[0]);
  return AddKernel(index);
}

// A view is its input's buffer: as it lies when the shapes agree, else plain.
absl::Status PlanBuilder::AddView(int index, InputOutputPair view) {
  const Node& node = graph_.node(index);
  const Value input = node.inputs[view.input];
  const Where source = where_[input.node][input.output];
  Where& target = where_[index][view.output];
  const bool same_shape = graph_.type(input) == node.outputs[view.output];
  if (same_shape && source.variable < 0) {
    target = source;
    return absl::OkStatus();
  }
  const Layout plain = Layout::Plain(graph_.type(input));
  reader_ = node.name;
  GRADUS_ASSIGN_OR_RETURN(target.buffer, Ensure(input, plain));
  target.layout = Keep(Layout::Plain(node.outputs[view.output]));
  return absl::OkStatus();
}

absl::Status PlanBuilder::AddKernel(int index) {
  const Node& node = graph_.node(index);
  KernelSignature signature{node.op, node.attrs, {}, {}, {}, {}, nullptr};
  for (Value input : node.inputs) {
    const Where& where = where_[input.node][input.output];
    const LayoutPtr layout = where.variable >= 0 ? Keep(store_->layout(where.variable)) : where.layout;
    signature.types.push_back(graph_.type(input));
    signature.flexible.push_back(layout->any());
    signature.inputs.push_back(layout->any() ? Keep(Layout::Plain(graph_.type(input))) : layout);
  }
  for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
    auto parameter = parameter_of_.find(Value{index, output});
    Layout wanted;
    if (parameter != parameter_of_.end()) {
      wanted = store_->layout(where_[parameter->second.node][parameter->second.output].variable);
    }
    signature.wanted.push_back(Keep(wanted));
  }
  if (const NodeChoice* forward = node.forward < 0 ? nullptr : plan_->choice(node.forward); forward != nullptr) {
    signature.forward = &forward->candidate;
  }
  absl::StatusOr<ChoicePtr> chosen = Choose(index, signature);
  if (!chosen.ok()) return At(node, chosen.status());
  const Candidate& choice = (*chosen)->candidate;

  PlanStep step;
  step.name = node.name;
  step.implementation = choice.implementation;
  step.node = index;
  step.stage = node.stage;
  reader_ = node.name;
  step.inputs.reserve(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool any = i >= choice.inputs.size() || choice.inputs[i].any();
    GRADUS_ASSIGN_OR_RETURN(int buffer, Ensure(node.inputs[i], any ? *signature.inputs[i] : choice.inputs[i]));
    GRADUS_RETURN_IF_ERROR(CheckNotOverwritten(node, buffer));
    step.inputs.push_back(buffer);
  }
  GRADUS_CHECK(choice.outputs.size() == node.outputs.size());
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    GRADUS_CHECK(!choice.outputs[i].any());
    const int buffer = NewBuffer(choice.outputs[i].bytes());
    where_[index][i] = {buffer, Keep(choice.outputs[i]), -1};
    step.outputs.push_back(buffer);
  }
  if (choice.scratch_bytes > 0) step.scratch = NewBuffer(choice.scratch_bytes);
  step.choice = *std::move(chosen);
  plan_->step_of_[index] = static_cast<int>(plan_->steps_.size());
  AddStep(std::move(step));
  return absl::OkStatus();
}

absl::Status PlanBuilder::AddAssign(int index) {
  const Node& node = graph_.node(index);
  const int variable = store_index_[graph_.variable_of(index)];
  writes_.push_back({variable, node.inputs[0], node.stage, -1});
  plan_->written_[static_cast<int>(node.stage)].push_back(variable);
  return absl::OkStatus();
}

// Fetched values are there in plain layout to the end; of a variable that the program writes, a copy.
absl::Status PlanBuilder::AddFetches() {
  for (const NamedValue& fetch : plan_->program_.fetches) {
    if (graph_.node(fetch.value).stage != stage_) continue;
    const TensorType& type = graph_.type(fetch.value);
    const Layout plain = Layout::Plain(type);
    reader_ = absl::StrCat("fetch ", fetch.name);
    GRADUS_ASSIGN_OR_RETURN(int buffer, Ensure(fetch.value, plain));
    if (IsVariable(buffer) && assigned_[plan_->buffers_[buffer].variable]) {
      GRADUS_ASSIGN_OR_RETURN(buffer, AddCopy(fetch.name, buffer, plain, plain, type, /*of_gradient=*/false));
    }
    plan_->fetches_[fetch.name] = {buffer, type};
  }
  return absl::OkStatus();
}

int PlanBuilder::NewBuffer(int64_t bytes) {
  const int index = static_cast<int>(plan_->buffers_.size());
  plan_->buffers_.emplace_back().bytes = bytes;
  lives_.push_back({std::numeric_limits<int>::max(), -1, index, false, false});
  return index;
}

int PlanBuilder::VariableBuffer(int variable, int replica) {
  auto [entry, added] = variable_buffer_.try_emplace({variable, replica}, 0);
  if (added) {
    entry->second = NewBuffer(0);
    plan_->buffers_.back().variable = variable;
    plan_->buffers_.back().replica = replica;
    plan_->used_variables_.push_back(variable);
    if (replica >= 0) {
      plan_->replicas_.push_back({variable, replica});
      if (trial_ != nullptr && !plan_->program_.inference) {
        trial_->milliseconds += MoveTime(store_->layout(variable), store_->replica_layout(variable, replica),
                                         store_->variable(variable).type);
      }
    }
  }
  return entry->second;
}

absl::StatusOr<int> PlanBuilder::EnsureVariable(int variable, const Layout& layout) {
  GRADUS_RETURN_IF_ERROR(store_->FixLayout(variable, layout).status());
  return VariableBuffer(variable, store_->Replica(variable, layout));
}

absl::StatusOr<int> PlanBuilder::Ensure(Value value, const Layout& layout) {
  const Where where = where_[value.node][value.output];
  if (where.variable >= 0) return EnsureVariable(where.variable, layout);
  if (trial_ != nullptr) {
    std::vector<LayoutPtr>& wanted = trial_->wanted[value];
    const LayoutPtr kept = Keep(layout);
    if (std::find(wanted.begin(), wanted.end(), kept) == wanted.end()) wanted.push_back(kept);
  }
  if (where.layout == &layout || *where.layout == layout) return where.buffer;
  for (const auto& [known, buffer] : copies_[value]) {
    if (*known == layout) return buffer;
  }
  const Node& node = graph_.node(value);
  absl::StatusOr<int> copy =
      AddCopy(node.name, where.buffer, *where.layout, layout, graph_.type(value), parameter_of_.contains(value));
  if (!copy.ok()) return At(node, copy.status());
  copies_[value].push_back({Keep(layout), *copy});
  return copy;
}

absl::StatusOr<int> PlanBuilder::AddCopy(const std::string& name, int from_buffer, const Layout& from, const Layout& to,
                                         const TensorType& type, bool of_gradient) {
  if (!from.plain() && !to.plain() && absl::IsUnimplemented(catalog_->Reorder(from, to).status())) {
    const Layout plain = Layout::Plain(type);
    GRADUS_ASSIGN_OR_RETURN(int middle, AddCopy(name, from_buffer, from, plain, type, of_gradient));
    return AddCopy(name, middle, plain, to, type, of_gradient);
  }
  const int copy = NewBuffer(to.bytes());
  GRADUS_RETURN_IF_ERROR(AddReorder(name, from_buffer, from, copy, to));
  ++(of_gradient ? plan_->weight_reorders_ : plan_->reorders_);
  return copy;
}

absl::Status PlanBuilder::AddReorder(const std::string& name, int from_buffer, const Layout& from, int to_buffer,
                                     const Layout& to) {
  PlanStep step;
  GRADUS_ASSIGN_OR_RETURN(step.choice, catalog_->Reorder(from, to));
  step.name = absl::StrCat("reorder ", name, " ", from.ToString(), " -> ", to.ToString());
  step.wanted_by = reader_;
  step.implementation = step.choice->candidate.implementation;
  step.stage = stage_;
  step.inputs = {from_buffer};
  step.outputs = {to_buffer};
  if (step.choice->candidate.scratch_bytes > 0) step.scratch = NewBuffer(step.choice->candidate.scratch_bytes);
  AddStep(std::move(step));
  return absl::OkStatus();
}

void PlanBuilder::AddStep(PlanStep step) {
  step.output_layouts = step.choice->candidate.outputs;
  if (trial_ != nullptr) NoteStep(step);
  plan_->steps_.push_back(std::move(step));
  Track(static_cast<int>(plan_->steps_.size()) - 1);
}

absl::Status PlanBuilder::CheckNotOverwritten(const Node& reader, int buffer) const {
  const int variable = plan_->buffers_[buffer].variable;
  if (variable < 0 || plan_->buffers_[buffer].replica >= 0 || !overwritten_[variable]) return absl::OkStatus();
  return At(reader, absl::InvalidArgumentError(absl::StrCat("reads variable '", store_->variable(variable).name,
                                                            "', which an earlier stage of the step writes")));
}

absl::Status PlanBuilder::MakeKernels() {
  for (PlanStep& step : plan_->steps_) {
    absl::StatusOr<std::unique_ptr<Kernel>> kernel = step.choice->candidate.make();
    if (!kernel.ok()) {
      return absl::Status(kernel.status().code(), absl::StrCat("'", step.name, "': ", kernel.status().message()));
    }
    step.kernel = *std::move(kernel);
  }
  return absl::OkStatus();
}

}  // namespace gradus
