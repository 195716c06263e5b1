// How the buffers of a plan share memory; see plan_builder.h.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/memory_planner.h"
#include "graph/plan_builder.h"

namespace gradus {

// Notes the reads and writes of one step.
void PlanBuilder::Track(int s) {
  const PlanStep& step = plan_->steps_[s];
  for (int b : step.inputs) lives_[b].last_read = std::max(lives_[b].last_read, s);
  for (int b : step.outputs) {
    lives_[b].first_write = std::min(lives_[b].first_write, s);
    lives_[b].last_read = std::max(lives_[b].last_read, s);
  }
  if (step.scratch >= 0) lives_[step.scratch].first_write = lives_[step.scratch].last_read = s;
}

// The variables that this stage writes have their new values at its end. First all values are brought into memory of
// their own, which reads old ones; then they are written.
absl::Status PlanBuilder::AddWrites() {
  for (Write& write : writes_) {
    if (write.stage == stage_) GRADUS_RETURN_IF_ERROR(PrepareWrite(&write));
  }
  for (const Write& write : writes_) {
    if (write.stage == stage_) GRADUS_RETURN_IF_ERROR(PlaceWrite(write));
  }
  return absl::OkStatus();
}

// The value in its variable's layout, where neither a variable is nor anything is fed.
absl::Status PlanBuilder::PrepareWrite(Write* write) {
  const TensorType& type = graph_.type(write->value);
  reader_ = absl::StrCat("variable ", store_->variable(write->variable).name);
  const Where where = where_[write->value.node][write->value.output];
  const Layout layout = where.variable < 0 ? *where.layout : store_->layout(where.variable);
  GRADUS_ASSIGN_OR_RETURN(Layout storage,
                          store_->FixLayout(write->variable, layout.any() ? Layout::Plain(type) : layout));
  GRADUS_ASSIGN_OR_RETURN(write->buffer, Ensure(write->value, storage));
  GRADUS_RETURN_IF_ERROR(CheckNotOverwritten(graph_.node(write->value), write->buffer));
  if (IsVariable(write->buffer) || lives_[write->buffer].fed) {
    GRADUS_ASSIGN_OR_RETURN(write->buffer, AddCopy(graph_.node(write->value).name, write->buffer, storage, storage,
                                                   type, /*of_gradient=*/false));
  }
  return absl::OkStatus();
}

absl::Status PlanBuilder::PlaceWrite(const Write& write) {
  const int storage = VariableBuffer(write.variable, -1);
  reader_ = absl::StrCat("variable ", store_->variable(write.variable).name);
  overwritten_[write.variable] = true;
  if (MayWriteInPlace(write, storage)) {
    lives_[write.buffer].merged_into = storage;
    return absl::OkStatus();
  }
  const Layout layout = store_->layout(write.variable);
  return AddReorder(absl::StrCat(store_->variable(write.variable).name, "/assign"), write.buffer, layout, storage,
                    layout);
}

// A value is made right in its variable's memory when a step of this very stage makes it (an earlier stage must not
// write) and no step reads the old value afterwards, or when that step itself works in place.
bool PlanBuilder::MayWriteInPlace(const Write& write, int storage) {
  const int made = lives_[write.buffer].first_write;
  const int last_read = lives_[storage].last_read;
  if (made < stage_begin_ || lives_[write.buffer].merged_into != write.buffer) return false;
  if (made != last_read) return made > last_read;
  const PlanStep& step = plan_->steps_[made];
  if (step.node < 0 || !step.choice->candidate.in_place) return false;
  if (std::count(step.inputs.begin(), step.inputs.end(), storage) != 1) return false;
  const std::vector<InputOutputPair>& pairs = InPlacePairs(step.node);
  return std::any_of(pairs.begin(), pairs.end(), [&](InputOutputPair pair) {
    return pair.input < static_cast<int>(step.inputs.size()) && step.inputs[pair.input] == storage &&
           step.outputs[pair.output] == write.buffer;
  });
}

// Kept from call to call: a node may write many variables, one after the other.
const std::vector<InputOutputPair>& PlanBuilder::InPlacePairs(int node) {
  if (pairs_of_ != node) {
    pairs_of_ = node;
    pairs_ = graph_.node(node).op->in_place(graph_.node(node).attrs);
  }
  return pairs_;
}

void PlanBuilder::PlaceBuffers() {
  KeepFeedsAndFetches();
  ShareMemory();
  PlanArena();
}

void PlanBuilder::KeepFeedsAndFetches() {
  for (const auto& [name, place] : plan_->feeds_) {
    lives_[place.buffer].last_read = std::max(lives_[place.buffer].last_read, 0);
  }
  for (const auto& [name, place] : plan_->fetches_) {
    lives_[place.buffer].last_read = std::max(static_cast<int>(plan_->steps_.size()) - 1, 0);
    lives_[place.buffer].fetched = true;
  }
}

// Outputs take over the memory of inputs where operations allow it.
void PlanBuilder::ShareMemory() {
  for (int s = 0; s < static_cast<int>(plan_->steps_.size()); ++s) {
    const PlanStep& step = plan_->steps_[s];
    if (step.node < 0 || !step.choice->candidate.in_place) continue;
    const Node& node = graph_.node(step.node);
    for (InputOutputPair pair : node.op->in_place(node.attrs)) TryInPlace(s, pair);
  }
}

void PlanBuilder::TryInPlace(int s, InputOutputPair pair) {
  const PlanStep& step = plan_->steps_[s];
  if (!MayLieOver(step, pair)) return;
  const int output = step.outputs[pair.output];
  const int input = step.inputs[pair.input];
  const int memory = Root(input);
  if (lives_[output].merged_into != output || IsVariable(memory)) return;
  if (lives_[input].last_read != s || lives_[input].fetched) return;
  if (lives_[memory].last_read > s || lives_[memory].fetched) return;
  for (int other : step.outputs) {
    if (Root(other) == memory) return;  // taken by another output of this step
  }
  lives_[output].merged_into = memory;
  lives_[memory].last_read = lives_[output].last_read;
  lives_[memory].fetched = lives_[output].fetched;
}

// Whether the step reads the input once, and the output is laid out like it.
bool PlanBuilder::MayLieOver(const PlanStep& step, InputOutputPair pair) const {
  if (pair.input >= static_cast<int>(step.inputs.size())) return false;
  if (IsVariable(step.inputs[pair.input])) return false;
  if (std::count(step.inputs.begin(), step.inputs.end(), step.inputs[pair.input]) > 1) return false;
  const Value value = graph_.node(step.node).inputs[pair.input];
  const std::vector<Layout>& asked = step.choice->candidate.inputs;
  const bool any = pair.input >= static_cast<int>(asked.size()) || asked[pair.input].any();
  const Layout& have = any ? *where_[value.node][value.output].layout : asked[pair.input];
  return have == step.output_layouts[pair.output];
}

int PlanBuilder::Root(int buffer) const {
  while (lives_[buffer].merged_into != buffer) buffer = lives_[buffer].merged_into;
  return buffer;
}

void PlanBuilder::PlanArena() {
  std::vector<PlanBuffer>& buffers = plan_->buffers_;
  std::vector<BufferUse> uses;
  std::vector<int> used;
  for (PlanBuffer& buffer : buffers) buffer.offset = -1;
  for (int b = 0; b < static_cast<int>(buffers.size()); ++b) {
    const Life& life = lives_[b];
    if (life.merged_into != b || IsVariable(b) || life.last_read < 0) continue;
    buffers[b].first_step = std::min(life.first_write, life.last_read);
    buffers[b].last_step = life.last_read;
    uses.push_back({buffers[b].bytes + kArenaRedZone, buffers[b].first_step, buffers[b].last_step});
    used.push_back(b);
  }
  const MemoryPlan plan = PlanMemory(uses);
  for (size_t i = 0; i < used.size(); ++i) buffers[used[i]].offset = plan.offsets[i];
  plan_->arena_bytes_ = plan.total_bytes;
  plan_->lower_bound_ = PeakLowerBound(uses);

  plan_->starts_.assign(plan_->steps_.size(), {});
  plan_->ends_.assign(plan_->steps_.size(), {});
  if (plan_->steps_.empty()) return;
  for (int b : used) {
    plan_->starts_[buffers[b].first_step].push_back(b);
    plan_->ends_[buffers[b].last_step].push_back(b);
  }
}

// From now on steps, feeds and fetches speak of the buffers that have memory.
void PlanBuilder::PointAtRoots() {
  for (PlanStep& step : plan_->steps_) {
    for (int& b : step.inputs) b = Root(b);
    for (int& b : step.outputs) b = Root(b);
  }
  for (auto* places : {&plan_->feeds_, &plan_->fetches_}) {
    for (auto& [name, place] : *places) place.buffer = Root(place.buffer);
  }
}

}  // namespace gradus
