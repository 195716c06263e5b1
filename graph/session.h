// Plans that share one set of variables and one arena, and the calls that run them.
//
//   auto variables = std::make_shared<VariableStore>(seed);
//   Session session(variables, {});
//   GRADUS_ASSIGN_OR_RETURN(Plan* plan, session.Compile(std::move(program)));
//   GRADUS_RETURN_IF_ERROR(session.Feed(plan, "image", images));
//   GRADUS_RETURN_IF_ERROR(session.Run(plan, Stage::kCompute));
//   GRADUS_ASSIGN_OR_RETURN(Tensor logits, session.Fetch(plan, "output/logits"));
//
// A session is used by one thread at a time. For inference from several threads give each its own session over one
// VariableStore.
#ifndef GRADUS_GRAPH_SESSION_H_
#define GRADUS_GRAPH_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/arena.h"
#include "core/tensor.h"
#include "graph/kernel_name.h"
#include "graph/passes.h"
#include "graph/plan.h"
#include "graph/tuning_cache.h"
#include "graph/variables.h"

namespace gradus {

struct SessionOptions {
  int threads = 0;             // compute threads; 0: one for each core that this process may use
  int64_t memory_budget = 0;   // bytes; 0: what the machine has left
  int64_t memory_reserve = 0;  // of the budget: what plans for inference, which come later, will add to the variables
  bool recompute = true;       // see PlanOptions
  bool debug_arena = false;    // see PlanOptions
  PassOptions passes;
  // See PlanOptions. Of programs that train and of those that infer, whose nodes have the same names.
  KernelChoices kernel_choices, inference_choices;
  // Kernels of which no earlier choice is given are chosen by their times: see graph/kernel_search.h. Null: the first
  // of their candidates are taken. May be shared by sessions with the same number of threads.
  std::shared_ptr<TuningCache> tuning;
};

// Cores that this process may run on.
int AvailableCores();

class Session {
 public:
  Session(std::shared_ptr<VariableStore> variables, SessionOptions options);

  // Runs the passes and compiles. Refuses a plan that needs more memory than there is, with both figures. The plan
  // belongs to the session.
  absl::StatusOr<Plan*> Compile(Program program);

  // Gets memory for the plan and first values for its variables, as the first call of those below does else.
  absl::Status Prepare(Plan* plan);

  // Copies a tensor to a feed. Both types are named when they differ; a name that is no feed is answered with the
  // nearest.
  absl::Status Feed(Plan* plan, absl::string_view name, const Tensor& value);

  // Runs one stage. Plans share their memory: feeding one ends what another was fed, has computed or can fetch.
  // kCompute expects all feeds since then, and since the last kCompute. An error where another plan came between.
  absl::Status Run(Plan* plan, Stage stage);

  // After non-finite results: feeds must be given again.
  absl::Status RunCheckingNumerics(Plan* plan);

  // The result of the last run of this plan.
  absl::StatusOr<Tensor> Fetch(Plan* plan, absl::string_view name);
  absl::StatusOr<float> FetchScalar(Plan* plan, absl::string_view name);

  RunState& state() { return state_; }
  VariableStore& variables() { return *variables_; }
  int threads() const { return options_.threads; }

  // What all plans compiled so far need: the largest arena, and the variables.
  MemoryNeed memory() const;

 private:
  absl::StatusOr<PlanOptions> ChooseKernels(const Program& program, const PlanOptions& options) const;
  absl::Status CheckMemory(const Plan& plan) const;
  absl::Status CheckOwnsArena(const Plan* plan) const;

  struct Entry {
    std::unique_ptr<Plan> plan;
    uint64_t bound = 0;  // the arena's generation + 1 that it is bound to; 0: none
  };

  std::shared_ptr<VariableStore> variables_;
  SessionOptions options_;
  RunState state_;
  Arena arena_;
  std::vector<Entry> plans_;
  int64_t arena_bytes_ = 0;
  const Plan* owner_ = nullptr;  // the plan whose values are in the arena
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_SESSION_H_
