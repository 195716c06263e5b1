#include "graph/session.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/kernel_search.h"
#include "graph/plan_duel.h"

namespace gradus {
namespace {

// Of a tuned plan's time to that of an untuned one; what is nearer to 1 may be noise.
constexpr double kClearlyFaster = 0.99;

}  // namespace

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
  plan_options.recompute = options_.recompute;
  if (options_.memory_budget > 0) {
    plan_options.memory_budget = std::max<int64_t>(1, options_.memory_budget - options_.memory_reserve);
  }
  plan_options.kernel_choices = program.inference ? options_.inference_choices : options_.kernel_choices;
  if (options_.tuning != nullptr && plan_options.kernel_choices.empty()) {
    GRADUS_ASSIGN_OR_RETURN(plan_options, ChooseKernels(program, plan_options));
  }
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan,
                          Plan::Compile(std::move(program), variables_.get(), plan_options));
  GRADUS_RETURN_IF_ERROR(CheckMemory(*plan));
  if (options_.passes.explain) {
    options_.passes.explain("plan", {{}, absl::StrSplit(plan->Explain(), '\n', absl::SkipEmpty())});
  }
  arena_bytes_ = std::max(arena_bytes_, plan->memory().arena);
  plans_.push_back({std::move(plan), 0});
  return plans_.back().plan.get();
}

// The plan that a search by kernels' times alone gives, unless a plan of first candidates is as fast as a whole.
absl::StatusOr<PlanOptions> Session::ChooseKernels(const Program& program, const PlanOptions& options) const {
  GRADUS_ASSIGN_OR_RETURN(KernelSearchResult found,
                          SearchKernels(program, *variables_, options, options_.tuning.get()));
  options_.tuning->Save();
  PlanOptions tuned = options;
  tuned.kernel_choices = std::move(found.choices);
  tuned.notes = std::move(found.notes);
  if (found.milliseconds >= found.first_milliseconds) return tuned;
  const absl::StatusOr<PlanTimes> times = TimePlans(program, *variables_, options, tuned);
  if (absl::IsResourceExhausted(times.status())) {
    tuned.notes.push_back(absl::StrCat("tuned and untuned plan were not compared: ", times.status().message()));
    return tuned;
  }
  GRADUS_RETURN_IF_ERROR(times.status());
  std::string note = absl::StrFormat("a whole run takes %.3f ms tuned and %.3f ms with first choices",
                                     times->second_milliseconds, times->first_milliseconds);
  if (times->ratio < kClearlyFaster) {
    tuned.notes.push_back(std::move(note));
    return tuned;
  }
  PlanOptions untuned = options;
  untuned.notes = {absl::StrCat("kernels that are faster alone are not used: ", note)};
  return untuned;
}

// What all plans need together against the budget; what of it is not there yet against what the process can get.
absl::Status Session::CheckMemory(const Plan& plan) const {
  MemoryNeed need = plan.memory();
  need.arena = std::max(need.arena, arena_bytes_);
  const bool trains = !plan.program().inference;
  const int64_t total = need.total() + (trains ? options_.memory_reserve : 0);
  if (options_.memory_budget > 0 && total > options_.memory_budget) {
    std::string message = absl::StrCat("the plan needs ", HumanBytes(total));
    if (const int64_t saved = plan.recomputation().saved_bytes; saved > 0) {
      absl::StrAppend(&message, " with all the values computed again that help (", HumanBytes(total + saved),
                      " without)");
    }
    absl::StrAppend(
        &message, ", more than the memory_budget of ", HumanBytes(options_.memory_budget), "; ",
        trains ? absl::StrCat("the smallest that would do is memory_budget: ", total) : "a smaller batch needs less");
    return absl::ResourceExhaustedError(message);
  }
  MemoryNeed missing;
  missing.arena = std::max<int64_t>(0, need.arena - arena_.size());
  missing.variables = variables_->missing_bytes();
  const int64_t limit = MemoryLimit();
  if (missing.total() <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the plan needs ", HumanBytes(missing.total()), " (", HumanBytes(missing.arena),
                   " for activations, gradients and scratch, ", HumanBytes(missing.variables),
                   " for variables), but this process can get ", HumanBytes(limit), "; a smaller batch needs less"));
}

absl::Status Session::Prepare(Plan* plan) {
  omp_set_num_threads(options_.threads);
  auto entry = std::find_if(plans_.begin(), plans_.end(), [plan](const Entry& e) { return e.plan.get() == plan; });
  GRADUS_CHECK(entry != plans_.end());
  if (arena_.size() < arena_bytes_) {
    owner_ = nullptr;
    // What compiling and first values needed beside is gone before the arena comes.
    GRADUS_RETURN_IF_ERROR(plan->MaterializeVariables());
    ReleaseFreeMemory();
    GRADUS_RETURN_IF_ERROR(arena_.Reserve(arena_bytes_));
  }
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
  owner_ = plan;
  std::memcpy(address, value.data(), value.bytes());
  return absl::OkStatus();
}

absl::Status Session::CheckOwnsArena(const Plan* plan) const {
  if (owner_ == plan) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "this plan has no values: it was not fed or run yet, or another plan of the session came between");
}

absl::Status Session::Run(Plan* plan, Stage stage) {
  GRADUS_RETURN_IF_ERROR(Prepare(plan));
  if (stage == Stage::kCompute && plan->feeds().empty()) owner_ = plan;
  GRADUS_RETURN_IF_ERROR(CheckOwnsArena(plan));
  return plan->Run(stage);
}

absl::Status Session::RunCheckingNumerics(Plan* plan) {
  GRADUS_RETURN_IF_ERROR(Prepare(plan));
  if (plan->feeds().empty()) owner_ = plan;
  GRADUS_RETURN_IF_ERROR(CheckOwnsArena(plan));
  return plan->RunCheckingNumerics();
}

absl::StatusOr<Tensor> Session::Fetch(Plan* plan, absl::string_view name) {
  GRADUS_RETURN_IF_ERROR(CheckOwnsArena(plan));
  TensorType type;
  const void* address = plan->FetchAddress(name, &type);
  if (address == nullptr) return absl::NotFoundError(absl::StrCat("the plan does not fetch '", name, "'"));
  Tensor value(type);
  std::memcpy(value.data(), address, type.bytes());
  return value;
}

absl::StatusOr<float> Session::FetchScalar(Plan* plan, absl::string_view name) {
  GRADUS_RETURN_IF_ERROR(CheckOwnsArena(plan));
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
