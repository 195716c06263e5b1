#include "graph/plan_duel.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "core/arena.h"
#include "core/memory_limit.h"
#include "core/status_macros.h"
#include "graph/kernel_timer.h"
#include "graph/variables.h"

namespace gradus {
namespace {

constexpr size_t kLeastRounds = 7, kMostRounds = 101;
constexpr double kEnoughMilliseconds = 1000;

double MedianOf(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

class Duelist {
 public:
  absl::Status Compile(const Program& program, const VariableStore& store, const PlanOptions& options) {
    GRADUS_RETURN_IF_ERROR(CopyLayouts(program.graph, store, &variables_));
    GRADUS_ASSIGN_OR_RETURN(plan_, Plan::Compile(program, &variables_, options));
    return absl::OkStatus();
  }

  MemoryNeed memory() const { return plan_->memory(); }

  absl::Status Bind(uint8_t* arena) { return plan_->Bind(arena, &state_); }

  absl::StatusOr<double> RunOnce() {
    for (const std::string& feed : plan_->feeds()) {
      TensorType type;
      void* const data = plan_->FeedAddress(feed, &type);
      if (type.dtype == DType::kFloat32) {
        FillForTiming(static_cast<float*>(data), type.shape.num_elements());
      } else {
        std::memset(data, 0, type.bytes());
      }
    }
    using Clock = std::chrono::steady_clock;
    const Clock::time_point start = Clock::now();
    for (const Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) {
      GRADUS_RETURN_IF_ERROR(plan_->Run(stage));
    }
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }

 private:
  VariableStore variables_;
  RunState state_;
  std::unique_ptr<Plan> plan_;
};

}  // namespace

absl::StatusOr<PlanTimes> TimePlans(const Program& program, const VariableStore& store, const PlanOptions& first,
                                    const PlanOptions& second) {
  Duelist a, b;
  GRADUS_RETURN_IF_ERROR(a.Compile(program, store, first));
  GRADUS_RETURN_IF_ERROR(b.Compile(program, store, second));
  MemoryNeed both;
  both.arena = std::max(a.memory().arena, b.memory().arena);
  both.variables = a.memory().variables + b.memory().variables;
  if (both.total() > MemoryLimit()) {
    return absl::ResourceExhaustedError("there is no memory for two plans at a time");
  }
  Arena arena;
  GRADUS_RETURN_IF_ERROR(arena.Reserve(both.arena));
  GRADUS_RETURN_IF_ERROR(a.Bind(arena.base()));
  GRADUS_RETURN_IF_ERROR(b.Bind(arena.base()));
  std::vector<double> times[2], ratios;
  double spent = 0;
  for (size_t round = 0; round <= kMostRounds; ++round) {
    GRADUS_ASSIGN_OR_RETURN(const double one, a.RunOnce());
    GRADUS_ASSIGN_OR_RETURN(const double other, b.RunOnce());
    if (round == 0) continue;  // first touches
    times[0].push_back(one);
    times[1].push_back(other);
    ratios.push_back(other / one);
    spent += one + other;
    if (round >= kLeastRounds && spent > kEnoughMilliseconds) break;
  }
  return PlanTimes{MedianOf(times[0]), MedianOf(times[1]), MedianOf(ratios)};
}

}  // namespace gradus
