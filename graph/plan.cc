#include "graph/plan.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#ifdef GRADUS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/plan_builder.h"

namespace gradus {
namespace {

int64_t FirstNonFinite(const float* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i])) return i;
  }
  return -1;
}

const char* Describe(float not_finite) { return std::isnan(not_finite) ? "NaN" : "infinity"; }

}  // namespace

int64_t MemoryNeed::total() const {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  return arena > kMost - variables ? kMost : arena + variables;
}

absl::StatusOr<std::unique_ptr<Plan>> Plan::Compile(Program program, VariableStore* store, const PlanOptions& options) {
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan, PlanBuilder(std::move(program), store, options).Build());
  if (plan->program_.prologue == nullptr) return plan;
  // Derived variables lie as their readers want them, so those come first.
  PlanOptions prologue = options;
  prologue.kernel_choices.clear();
  GRADUS_ASSIGN_OR_RETURN(plan->prologue_, PlanBuilder(*plan->program_.prologue, store, prologue).Build());
  const std::vector<int>& derived = plan->prologue_->written_[static_cast<int>(Stage::kUpdate)];
  for (int variable : plan->prologue_->used_variables_) {
    if (std::find(derived.begin(), derived.end(), variable) == derived.end())
      plan->prologue_sources_.push_back(variable);
  }
  return plan;
}

MemoryNeed Plan::memory() const {
  const int64_t prologue = prologue_ == nullptr ? 0 : prologue_->arena_bytes_;
  return {arena_bytes_ + prologue, lower_bound_ + prologue, store_->bytes()};
}

std::vector<std::pair<std::string, KernelName>> Plan::Choices() const {
  std::vector<std::pair<std::string, KernelName>> choices;
  for (const PlanStep& step : steps_) {
    if (step.node >= 0 && !step.again) choices.emplace_back(step.name, NameOf(step.choice->candidate));
  }
  return choices;
}

absl::Status Plan::MaterializeVariables() {
  if (prologue_ != nullptr) GRADUS_RETURN_IF_ERROR(prologue_->MaterializeVariables());
  for (int variable : used_variables_) GRADUS_RETURN_IF_ERROR(store_->Materialize(variable));
  return absl::OkStatus();
}

absl::Status Plan::Bind(uint8_t* arena, const RunState* state) {
  arena_ = arena;
  if (prologue_ != nullptr) GRADUS_RETURN_IF_ERROR(prologue_->Bind(arena + arena_bytes_, state));
#ifdef GRADUS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(arena, arena_bytes_);
#endif
  GRADUS_RETURN_IF_ERROR(MaterializeVariables());
  alignas(64) static uint8_t nothing[64];
  addresses_.assign(buffers_.size(), nullptr);
  for (size_t b = 0; b < buffers_.size(); ++b) {
    const PlanBuffer& buffer = buffers_[b];
    if (buffer.variable >= 0) {
      addresses_[b] =
          buffer.replica < 0 ? store_->data(buffer.variable) : store_->replica_data(buffer.variable, buffer.replica);
    } else if (buffer.offset >= 0) {
      addresses_[b] = buffer.bytes == 0 ? nothing : arena + buffer.offset;  // an arena of no bytes has no address
    }
  }
  input_pointers_.resize(steps_.size());
  output_pointers_.resize(steps_.size());
  for (size_t s = 0; s < steps_.size(); ++s) {
    PlanStep& step = steps_[s];
    input_pointers_[s].clear();
    output_pointers_[s].clear();
    for (int b : step.inputs) input_pointers_[s].push_back(Address(b));
    for (int b : step.outputs) output_pointers_[s].push_back(Address(b));
    Buffers bound;
    bound.inputs = input_pointers_[s];
    bound.outputs = absl::MakeConstSpan(output_pointers_[s]);
    bound.scratch = step.scratch < 0 ? nullptr : Address(step.scratch);
    bound.state = state;
    step.kernel->Bind(bound);
  }
#ifdef GRADUS_ASAN
  ASAN_POISON_MEMORY_REGION(arena, arena_bytes_);
  for (const auto& [name, feed] : feeds_)
    ASAN_UNPOISON_MEMORY_REGION(Address(feed.buffer), buffers_[feed.buffer].bytes);
#endif
  return absl::OkStatus();
}

void* Plan::FeedAddress(absl::string_view name, TensorType* type) const {
  auto found = feeds_.find(name);
  if (found == feeds_.end()) return nullptr;
  *type = found->second.type;
#ifdef GRADUS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(Address(found->second.buffer), buffers_[found->second.buffer].bytes);
#endif
  return Address(found->second.buffer);
}

const void* Plan::FetchAddress(absl::string_view name, TensorType* type) const {
  auto found = fetches_.find(name);
  if (found == fetches_.end()) return nullptr;
  *type = found->second.type;
  return Address(found->second.buffer);
}

// What reads outside the lives that the planner was told of is caught: by NaNs when debugging, by ASan when built with
// it.
void Plan::StartLives([[maybe_unused]] int step) {
#ifdef GRADUS_ASAN
  for (int b : starts_[step]) ASAN_UNPOISON_MEMORY_REGION(addresses_[b], buffers_[b].bytes);
#endif
  if (!options_.debug_arena) return;
  for (int b : starts_[step]) {
    const bool is_feed = std::any_of(feeds_.begin(), feeds_.end(), [b](const auto& f) { return f.second.buffer == b; });
    if (!is_feed) std::memset(addresses_[b], 0xff, buffers_[b].bytes);
  }
}

void Plan::EndLives([[maybe_unused]] int step) {
#ifdef GRADUS_ASAN
  if (step + 1 == static_cast<int>(steps_.size())) return;  // fetches are read now
  for (int b : ends_[step]) ASAN_POISON_MEMORY_REGION(addresses_[b], buffers_[b].bytes);
#endif
}

absl::Status Plan::RunStep(const PlanStep& step) {
  const int index = static_cast<int>(&step - steps_.data());
  if (observer_ != nullptr) observer_->Before(index);
  absl::Status status = step.kernel->Run();
  if (observer_ != nullptr) observer_->After(index);
  if (status.ok() || step.node < 0) return status;
  const Node& node = program_.graph.node(step.node);
  return absl::Status(status.code(), absl::StrCat(node.where.ToString(), ": ", node.op->name(), " '", node.name,
                                                  "': ", status.message()));
}

absl::Status Plan::RefreshVariables() {
  if (prologue_ != nullptr) {
    const std::vector<int>& derived = prologue_->written_[static_cast<int>(Stage::kUpdate)];
    GRADUS_RETURN_IF_ERROR(store_->Derive(prologue_sources_, derived, [this] {
      GRADUS_RETURN_IF_ERROR(prologue_->RefreshVariables());
      return prologue_->Run(Stage::kUpdate);
    }));
  }
  for (ReplicaUse use : replicas_) GRADUS_RETURN_IF_ERROR(store_->Refresh(use.variable, use.replica));
  return absl::OkStatus();
}

absl::Status Plan::Run(Stage stage) {
  const int which = static_cast<int>(stage);
  if (stage == Stage::kCompute) GRADUS_RETURN_IF_ERROR(RefreshVariables());
  absl::Status status;
  for (int s = which == 0 ? 0 : stage_end_[which - 1]; status.ok() && s < stage_end_[which]; ++s) {
    StartLives(s);
    status = RunStep(steps_[s]);
    EndLives(s);
  }
  for (int variable : written_[which]) store_->Touch(variable);
  return status;
}

absl::Status Plan::ForgetCarried() {
  for (int variable : carried_) {
    GRADUS_RETURN_IF_ERROR(store_->Set(variable, Tensor(store_->variable(variable).type)));
  }
  return absl::OkStatus();
}

absl::Status Plan::RunCheckingNumerics() {
  GRADUS_RETURN_IF_ERROR(RefreshVariables());
  GRADUS_RETURN_IF_ERROR(CheckFeeds());
  for (int s = 0; s < stage_end_[0]; ++s) {
    StartLives(s);
    GRADUS_RETURN_IF_ERROR(RunStep(steps_[s]));
    GRADUS_RETURN_IF_ERROR(CheckOutputs(steps_[s]));
    EndLives(s);
  }
  return absl::OkStatus();
}

absl::Status Plan::CheckFeeds() const {
  for (const std::string& name : feed_order_) {
    const Place& feed = feeds_.at(name);
    if (feed.type.dtype != DType::kFloat32) continue;
    const auto* values = static_cast<const float*>(Address(feed.buffer));
    const int64_t at = FirstNonFinite(values, feed.type.shape.num_elements());
    if (at < 0) continue;
    return absl::OutOfRangeError(absl::StrCat("input '", name, "' (", feed.type.ToString(), ") is fed ",
                                              Describe(values[at]), " as element ", at));
  }
  return absl::OkStatus();
}

absl::Status Plan::CheckOutputs(const PlanStep& step) const {
  if (step.node < 0) return absl::OkStatus();
  const Node& node = program_.graph.node(step.node);
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    if (node.outputs[i].dtype != DType::kFloat32) continue;
    const auto* values = static_cast<const float*>(Address(step.outputs[i]));
    const int64_t at = FirstNonFinite(values, step.output_layouts[i].stored_elements());
    if (at < 0) continue;
    return absl::OutOfRangeError(absl::StrCat(node.where.ToString(), ": ", node.op->name(), " '", node.name,
                                              "' is the first to give ", Describe(values[at]), " (output ", i, ", ",
                                              node.outputs[i].ToString(), ")"));
  }
  return absl::OkStatus();
}

std::string Plan::ToString() const {
  std::string text;
  auto print = [this](int b) {
    const PlanBuffer& buffer = buffers_[b];
    if (buffer.variable < 0) return absl::StrCat("@", buffer.offset);
    return absl::StrCat(store_->variable(buffer.variable).name, buffer.replica < 0 ? "" : "'");
  };
  auto list = [&print](const std::vector<int>& buffers) {
    return absl::StrJoin(buffers, ", ", [&print](std::string* out, int b) { out->append(print(b)); });
  };
  for (size_t s = 0; s < steps_.size(); ++s) {
    const PlanStep& step = steps_[s];
    absl::StrAppend(&text, s, " ", step.name, " [", step.implementation, "] (", list(step.inputs), ") -> (",
                    list(step.outputs), ")");
    for (const Layout& layout : step.output_layouts) absl::StrAppend(&text, " ", layout.ToString());
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace gradus
