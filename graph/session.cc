#include "graph/session.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {

int AvailableCores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

Session::Session(std::shared_ptr<VariableStore> variables, SessionOptions options)
    : variables_(std::move(variables)), options_(std::move(options)) {
  if (options_.threads <= 0) options_.threads = AvailableCores();
}

absl::StatusOr<Plan*> Session::Compile(Program program) {
  omp_set_num_threads(options_.threads);
  GRADUS_RETURN_IF_ERROR(RunPasses(&program, options_.passes));
  PlanOptions plan_options;
  plan_options.threads = options_.threads;
  plan_options.debug_arena = options_.debug_arena;
  plan_options.kernel_choices = options_.kernel_choices;
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan,
                          Plan::Compile(std::move(program), variables_.get(), plan_options));
  const MemoryNeed need = plan->memory();
  const int64_t limit = MemoryLimit();
  if (options_.memory_budget > 0 && need.total() > options_.memory_budget) {
    return absl::ResourceExhaustedError(absl::StrCat("the plan needs ", HumanBytes(need.total()),
                                                     ", more than the memory_budget of ",
                                                     HumanBytes(options_.memory_budget)));
  }
  if (need.total() > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the plan needs ", HumanBytes(need.total()), " (", HumanBytes(need.arena),
                     " for activations, gradients and scratch, ", HumanBytes(need.variables),
                     " for variables), but this process can get ", HumanBytes(limit),
                     "; a smaller batch needs less"));
  }
  arena_bytes_ = std::max(arena_bytes_, need.arena);
  plans_.push_back({std::move(plan), 0});
  return plans_.back().plan.get();
}

absl::Status Session::Prepare(Plan* plan) {
  omp_set_num_threads(options_.threads);
  auto entry = std::find_if(plans_.begin(), plans_.end(), [plan](const Entry& e) { return e.plan.get() == plan; });
  GRADUS_CHECK(entry != plans_.end());
  if (arena_.size() < arena_bytes_) GRADUS_RETURN_IF_ERROR(arena_.Reserve(arena_bytes_));
  const uint64_t generation = arena_.generation() + 1;
  if (entry->bound == generation) return absl::OkStatus();
  GRADUS_RETURN_IF_ERROR(plan->Bind(arena_.base(), &state_));
  entry->bound = generation;
  return absl::OkStatus();
}

absl::Status Session::Feed(Plan* plan, absl::string_view name, const Tensor& value) {
  GRADUS_RETURN_IF_ERROR(Prepare(plan));
  TensorType type;
  void* address = plan->FeedAddress(name, &type);
  if (address == nullptr) {
    return absl::NotFoundError(absl::StrCat("the plan has no input '", name, "'", Suggestion(name, plan->feeds())));
  }
  if (value.type() != type) {
    return absl::InvalidArgumentError(
        absl::StrCat("input '", name, "' is ", type.ToString(), "; the value is ", value.type().ToString()));
  }
  std::memcpy(address, value.data(), value.bytes());
  return absl::OkStatus();
}

absl::Status Session::Run(Plan* plan, Stage stage) {
  GRADUS_RETURN_IF_ERROR(Prepare(plan));
  return plan->Run(stage);
}

absl::Status Session::RunCheckingNumerics(Plan* plan) {
  GRADUS_RETURN_IF_ERROR(Prepare(plan));
  return plan->RunCheckingNumerics();
}

absl::StatusOr<Tensor> Session::Fetch(Plan* plan, absl::string_view name) {
  TensorType type;
  const void* address = plan->FetchAddress(name, &type);
  if (address == nullptr) return absl::NotFoundError(absl::StrCat("the plan does not fetch '", name, "'"));
  Tensor value(type);
  std::memcpy(value.data(), address, type.bytes());
  return value;
}

absl::StatusOr<float> Session::FetchScalar(Plan* plan, absl::string_view name) {
  TensorType type;
  const void* address = plan->FetchAddress(name, &type);
  if (address == nullptr) return absl::NotFoundError(absl::StrCat("the plan does not fetch '", name, "'"));
  if (type.dtype != DType::kFloat32 || type.shape.num_elements() != 1) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is ", type.ToString(), ", no f32 scalar"));
  }
  float value;
  std::memcpy(&value, address, sizeof value);
  return value;
}

MemoryNeed Session::memory() const {
  MemoryNeed need;
  need.arena = arena_bytes_;
  need.variables = variables_->bytes();
  return need;
}

}  // namespace gradus
