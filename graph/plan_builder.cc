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

#ifdef GRADUS_ASAN
constexpr int64_t kRedZone = 64;  // poisoned bytes behind every buffer
#else
constexpr int64_t kRedZone = 0;
#endif

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
}

absl::StatusOr<std::unique_ptr<Plan>> PlanBuilder::Build() {
  GRADUS_RETURN_IF_ERROR(DeclareVariables());
  GRADUS_RETURN_IF_ERROR(ChooseKernels());
  FindLives();
  GRADUS_RETURN_IF_ERROR(ShareMemory());
  GRADUS_RETURN_IF_ERROR(PlanArena());
  GRADUS_RETURN_IF_ERROR(MakeKernels());
  return std::move(plan_);
}

absl::Status PlanBuilder::DeclareVariables() {
  for (const Variable& variable : graph_.variables()) {
    GRADUS_ASSIGN_OR_RETURN(int index, store_->Declare(variable));
    store_index_.push_back(index);
  }
  for (const auto& [gradient, parameter] : plan_->program_.gradients) parameter_of_[gradient] = parameter;
  return absl::OkStatus();
}

// Nodes in order, stage after stage; the copies that fetches and assignments need come at the end of their stage.
absl::Status PlanBuilder::ChooseKernels() {
  where_.resize(graph_.size());
  plan_->choices_.resize(graph_.size());
  step_of_.assign(graph_.size(), -1);
  for (Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) {
    stage_ = stage;
    for (int i = 0; i < graph_.size(); ++i) {
      if (graph_.node(i).stage == stage) GRADUS_RETURN_IF_ERROR(AddNode(i));
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
    where.layout = Layout::Plain(node.outputs[0]);
    where.buffer = NewBuffer(where.layout.bytes());
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
  GRADUS_ASSIGN_OR_RETURN(target.buffer, Ensure(input, plain));
  target.layout = Layout::Plain(node.outputs[view.output]);
  return absl::OkStatus();
}

absl::Status PlanBuilder::AddKernel(int index) {
  const Node& node = graph_.node(index);
  const KernelEntry* entry = Registry<KernelEntry>::Get().Find(node.op->name());
  if (entry == nullptr) {
    return At(node, absl::UnimplementedError("no kernel is registered; is the library of the operation linked in?"));
  }
  std::vector<Layout> at_hand, wanted;
  std::vector<bool> flexible;
  for (Value input : node.inputs) {
    const Where& where = where_[input.node][input.output];
    const bool is_variable = where.variable >= 0;
    const Layout layout = is_variable ? store_->layout(where.variable) : where.layout;
    flexible.push_back(is_variable && layout.any());
    at_hand.push_back(layout.any() ? Layout::Plain(graph_.type(input)) : layout);
  }
  for (int output = 0; output < static_cast<int>(node.outputs.size()); ++output) {
    auto parameter = parameter_of_.find(Value{index, output});
    wanted.push_back(parameter == parameter_of_.end()
                         ? Layout()
                         : store_->layout(where_[parameter->second.node][parameter->second.output].variable));
  }
  const Candidate* forward = node.forward >= 0 && step_of_[node.forward] >= 0 ? &plan_->choices_[node.forward].candidate : nullptr;
  const KernelContext context{graph_,  node,    at_hand,  flexible,
                              wanted,  forward, plan_->program_.inference, plan_->options_.threads};
  absl::StatusOr<std::vector<Candidate>> candidates = entry->factory(context);
  if (!candidates.ok()) return At(node, candidates.status());
  absl::StatusOr<Candidate> choice = Choose(index, *std::move(candidates));
  if (!choice.ok()) return At(node, choice.status());

  PlanStep step;
  step.name = node.name;
  step.implementation = choice->implementation;
  step.node = index;
  step.stage = node.stage;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(int buffer, Ensure(node.inputs[i], choice->inputs[i].any() ? at_hand[i] : choice->inputs[i]));
    step.inputs.push_back(buffer);
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    GRADUS_CHECK(!choice->outputs[i].any());
    const int buffer = NewBuffer(choice->outputs[i].bytes());
    where_[index][i] = {buffer, choice->outputs[i], -1};
    step.outputs.push_back(buffer);
    step.output_layouts.push_back(choice->outputs[i]);
  }
  if (choice->scratch_bytes > 0) step.scratch = NewBuffer(choice->scratch_bytes);
  step_of_[index] = static_cast<int>(plan_->steps_.size());
  plan_->steps_.push_back(std::move(step));
  makers_.push_back(*choice);
  plan_->choices_[index] = {std::move(at_hand), *std::move(choice)};
  return absl::OkStatus();
}

absl::StatusOr<Candidate> PlanBuilder::Choose(int index, std::vector<Candidate> candidates) const {
  if (candidates.empty()) return absl::UnimplementedError("no kernel can run this");
  auto asked = plan_->options_.kernel_choices.find(graph_.node(index).name);
  if (asked == plan_->options_.kernel_choices.end()) return std::move(candidates.front());
  for (Candidate& candidate : candidates) {
    if (candidate.implementation == asked->second) return std::move(candidate);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the kernel '", asked->second, "' that was chosen earlier is not possible here; there is ",
      absl::StrJoin(candidates, ", ",
                    [](std::string* out, const Candidate& candidate) { out->append(candidate.implementation); })));
}

absl::Status PlanBuilder::AddAssign(int index) {
  const Node& node = graph_.node(index);
  const int variable = store_index_[graph_.variable_of(index)];
  writes_.push_back({variable, node.inputs[0], node.stage, -1});
  plan_->written_[static_cast<int>(node.stage)].push_back(variable);
  return absl::OkStatus();
}

// Fetched values are copied out in plain layout and stay alive to the end.
absl::Status PlanBuilder::AddFetches() {
  for (const NamedValue& fetch : plan_->program_.fetches) {
    if (graph_.node(fetch.value).stage != stage_) continue;
    const TensorType& type = graph_.type(fetch.value);
    GRADUS_ASSIGN_OR_RETURN(int buffer, Ensure(fetch.value, Layout::Plain(type)));
    plan_->fetches_[fetch.name] = {buffer, type};
  }
  return absl::OkStatus();
}

// A written value that does not lie as its variable does is converted once its stage is done.
absl::Status PlanBuilder::AddWrites() {
  for (Write& write : writes_) {
    if (write.stage != stage_) continue;
    const Where& where = where_[write.value.node][write.value.output];
    GRADUS_CHECK(where.variable < 0);  // nothing assigns one variable to another as it is
    GRADUS_ASSIGN_OR_RETURN(Layout storage, store_->FixLayout(write.variable, where.layout));
    GRADUS_ASSIGN_OR_RETURN(write.buffer, Ensure(write.value, storage));
    VariableBuffer(write.variable, -1);
  }
  return absl::OkStatus();
}

int PlanBuilder::NewBuffer(int64_t bytes) {
  PlanBuffer buffer;
  buffer.bytes = bytes;
  plan_->buffers_.push_back(buffer);
  return static_cast<int>(plan_->buffers_.size()) - 1;
}

int PlanBuilder::VariableBuffer(int variable, int replica) {
  auto [entry, added] = variable_buffer_.try_emplace({variable, replica}, 0);
  if (added) {
    entry->second = NewBuffer(0);
    plan_->buffers_.back().variable = variable;
    plan_->buffers_.back().replica = replica;
    plan_->used_variables_.push_back(variable);
    if (replica >= 0) plan_->replicas_.push_back({variable, replica});
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
  if (where.layout == layout) return where.buffer;
  for (const auto& [known, buffer] : copies_[value]) {
    if (known == layout) return buffer;
  }
  const Node& node = graph_.node(value);
  const int copy = NewBuffer(layout.bytes());
  absl::Status added = AddReorder(node.name, where.buffer, where.layout, copy, layout).status();
  if (!added.ok()) return At(node, added);
  const bool is_gradient = parameter_of_.contains(value);
  ++(is_gradient ? plan_->weight_reorders_ : plan_->reorders_);
  copies_[value].push_back({layout, copy});
  return copy;
}

absl::StatusOr<int> PlanBuilder::AddReorder(const std::string& name, int from_buffer, const Layout& from,
                                            int to_buffer, const Layout& to) {
  GRADUS_ASSIGN_OR_RETURN(dnnl::reorder::primitive_desc desc, ReorderDesc(from, to));
  Candidate candidate = OneDnnCandidate(desc, {{DNNL_ARG_FROM, 0}}, {{DNNL_ARG_TO, 0}});
  PlanStep step;
  step.name = absl::StrCat("reorder ", name, " ", from.ToString(), " -> ", to.ToString());
  step.implementation = candidate.implementation;
  step.stage = stage_;
  step.inputs = {from_buffer};
  step.outputs = {to_buffer};
  step.output_layouts = {to};
  if (candidate.scratch_bytes > 0) step.scratch = NewBuffer(candidate.scratch_bytes);
  plan_->steps_.push_back(std::move(step));
  makers_.push_back(std::move(candidate));
  return static_cast<int>(plan_->steps_.size()) - 1;
}

void PlanBuilder::FindLives() {
  Grow();
  for (int s = 0; s < static_cast<int>(plan_->steps_.size()); ++s) Track(s);
  for (const auto& [name, place] : plan_->feeds_) {
    first_write_[place.buffer] = 0;
    last_read_[place.buffer] = std::max(last_read_[place.buffer], 0);
  }
  for (const auto& [name, place] : plan_->fetches_) {
    last_read_[place.buffer] = std::max(static_cast<int>(plan_->steps_.size()) - 1, 0);
    fetched_[place.buffer] = true;
  }
}

// Gives new buffers their entries.
void PlanBuilder::Grow() {
  while (merged_into_.size() < plan_->buffers_.size()) {
    merged_into_.push_back(static_cast<int>(merged_into_.size()));
    last_read_.push_back(-1);
    first_write_.push_back(std::numeric_limits<int>::max());
    fetched_.push_back(false);
  }
}

// Notes the reads and writes of one step.
void PlanBuilder::Track(int s) {
  Grow();
  const PlanStep& step = plan_->steps_[s];
  for (int b : step.inputs) last_read_[b] = std::max(last_read_[b], s);
  for (int b : step.outputs) {
    first_write_[b] = std::min(first_write_[b], s);
    last_read_[b] = std::max(last_read_[b], s);
  }
  if (step.scratch >= 0) first_write_[step.scratch] = last_read_[step.scratch] = s;
}

// Outputs take over memory: first written values that of their variables, then what operations can do in place.
absl::Status PlanBuilder::ShareMemory() {
  for (const Write& write : writes_) GRADUS_RETURN_IF_ERROR(PlaceWrite(write));
  for (int s = 0; s < static_cast<int>(plan_->steps_.size()); ++s) {
    const PlanStep& step = plan_->steps_[s];
    if (step.node < 0 || !makers_[s].in_place) continue;
    for (InputOutputPair pair : graph_.node(step.node).op->in_place()) TryInPlace(s, pair);
  }
  return absl::OkStatus();
}

// A value is made right in its variable's memory when no step reads the old value afterwards, or when the very step that
// makes it does so in place. Otherwise it is copied when everything else is over.
absl::Status PlanBuilder::PlaceWrite(const Write& write) {
  const int storage = VariableBuffer(write.variable, -1);
  const int made = first_write_[write.buffer];
  bool may = made > last_read_[storage];
  if (made == last_read_[storage] && plan_->steps_[made].node >= 0 && makers_[made].in_place) {
    const PlanStep& step = plan_->steps_[made];
    for (InputOutputPair pair : graph_.node(step.node).op->in_place()) {
      if (pair.input >= static_cast<int>(step.inputs.size())) continue;
      if (step.outputs[pair.output] == write.buffer && step.inputs[pair.input] == storage) may = true;
    }
  }
  if (may && merged_into_[write.buffer] == write.buffer) {
    merged_into_[write.buffer] = storage;
    return absl::OkStatus();
  }
  const Layout layout = store_->layout(write.variable);
  GRADUS_ASSIGN_OR_RETURN(int copy, AddReorder(absl::StrCat(store_->variable(write.variable).name, "/assign"),
                                               write.buffer, layout, storage, layout));
  Track(copy);
  plan_->stage_end_[static_cast<int>(Stage::kUpdate)] = copy + 1;
  return absl::OkStatus();
}

void PlanBuilder::TryInPlace(int s, InputOutputPair pair) {
  const PlanStep& step = plan_->steps_[s];
  if (pair.input >= static_cast<int>(step.inputs.size())) return;
  const int output = step.outputs[pair.output];
  const int input = step.inputs[pair.input];
  if (merged_into_[output] != output || plan_->buffers_[output].variable >= 0) return;
  if (last_read_[input] != s || fetched_[input]) return;
  if (std::count(step.inputs.begin(), step.inputs.end(), input) > 1) return;
  int memory = input;
  while (merged_into_[memory] != memory) memory = merged_into_[memory];
  if (plan_->buffers_[memory].variable >= 0 || last_read_[memory] > s || fetched_[memory]) return;
  const Value value = graph_.node(step.node).inputs[pair.input];
  const Layout& asked = makers_[s].inputs[pair.input];
  const Layout& have = asked.any() ? where_[value.node][value.output].layout : asked;
  if (have != step.output_layouts[pair.output]) return;
  merged_into_[output] = memory;
  last_read_[memory] = last_read_[output];
  fetched_[memory] = fetched_[output];
}

absl::Status PlanBuilder::PlanArena() {
  std::vector<PlanBuffer>& buffers = plan_->buffers_;
  std::vector<BufferUse> uses;
  std::vector<int> used;
  for (size_t b = 0; b < buffers.size(); ++b) {
    if (merged_into_[b] != static_cast<int>(b) || buffers[b].variable >= 0) continue;
    if (last_read_[b] < 0) continue;
    buffers[b].first_step = std::min(first_write_[b], last_read_[b]);
    buffers[b].last_step = last_read_[b];
    uses.push_back({buffers[b].bytes + kRedZone, buffers[b].first_step, buffers[b].last_step});
    used.push_back(static_cast<int>(b));
  }
  const gradus::MemoryPlan plan = gradus::PlanMemory(uses);
  for (size_t i = 0; i < used.size(); ++i) buffers[used[i]].offset = plan.offsets[i];
  plan_->arena_bytes_ = plan.total_bytes;
  plan_->lower_bound_ = PeakLowerBound(uses);

  plan_->starts_.resize(plan_->steps_.size());
  plan_->ends_.resize(plan_->steps_.size());
  for (int b : used) {
    if (plan_->steps_.empty()) break;
    plan_->starts_[buffers[b].first_step].push_back(b);
    plan_->ends_[buffers[b].last_step].push_back(b);
  }
  auto root = [&](int b) {
    while (b >= 0 && merged_into_[b] != b) b = merged_into_[b];
    return b;
  };
  for (PlanStep& step : plan_->steps_) {
    for (int& b : step.inputs) b = root(b);
    for (int& b : step.outputs) b = root(b);
  }
  for (auto* places : {&plan_->feeds_, &plan_->fetches_}) {
    for (auto& [name, place] : *places) place.buffer = root(place.buffer);
  }
  return absl::OkStatus();
}

absl::Status PlanBuilder::MakeKernels() {
  for (size_t s = 0; s < plan_->steps_.size(); ++s) {
    absl::StatusOr<std::unique_ptr<Kernel>> kernel = makers_[s].make();
    if (!kernel.ok()) {
      return absl::Status(kernel.status().code(),
                          absl::StrCat("'", plan_->steps_[s].name, "': ", kernel.status().message()));
    }
    plan_->steps_[s].kernel = *std::move(kernel);
  }
  return absl::OkStatus();
}

}  // namespace gradus
