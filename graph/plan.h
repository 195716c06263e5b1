// A compiled program: a flat list of steps over buffers whose places in one arena are settled before the first run.
//
// Compile() walks the nodes in order, chooses a kernel for each, inserts a reorder where a kernel wants a value in
// another layout than the one at hand, lets outputs take over their inputs' memory where operations allow it, plans the
// arena and makes the kernels. Running is a loop over kernels that allocates nothing of ours.
//
// A plan belongs to one session and is used by one thread at a time. It borrows the variable store.
#ifndef GRADUS_GRAPH_PLAN_H_
#define GRADUS_GRAPH_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/layout.h"
#include "graph/kernel.h"
#include "graph/kernel_catalog.h"
#include "graph/kernel_name.h"
#include "graph/memory_planner.h"
#include "graph/program.h"
#include "graph/variables.h"

namespace gradus {

struct PlanOptions {
  int threads = 1;
  // Candidates to use, by node name: what an earlier run chose. A choice that is not possible is an error. Other nodes
  // get the first of their candidates.
  KernelChoices kernel_choices;
  // Why they were made, for Plan::Explain.
  std::vector<std::string> notes;
  // Fills every buffer with NaN (all bits one) where its life begins, so that reading what nobody wrote shows.
  bool debug_arena = false;
  // Bytes for the arena and all variables; 0: no limit. A training plan that needs more computes values a second time,
  // as few as it takes; where nothing suffices it is as small as it gets. What costs next to nothing is always computed
  // again.
  int64_t memory_budget = 0;
  // Whether values may be computed a second time.
  bool recompute = true;
};

// Poisoned bytes behind every buffer in an arena, in programs that AddressSanitizer watches.
#ifdef GRADUS_ASAN
inline constexpr int64_t kArenaRedZone = 64;
#else
inline constexpr int64_t kArenaRedZone = 0;
#endif

// A piece of the arena, or a variable's storage.
struct PlanBuffer {
  int64_t bytes = 0;
  int first_step = 0, last_step = 0;  // the life that the memory planner saw; feeds begin at 0
  int64_t offset = -1;                // in the arena; -1: a variable
  int variable = -1, replica = -1;    // in the store; replica -1: the storage itself
};

struct PlanStep {
  std::string name;            // the node's, or "reorder <value's>"
  std::string wanted_by;       // of a reorder: who asked for it
  std::string implementation;  // "onednn:jit:avx2"
  int node = -1;               // of program().graph; -1: a reorder
  bool again = false;          // the node's second run, for the way back
  Stage stage = Stage::kCompute;
  std::vector<int> inputs, outputs;  // buffers
  int scratch = -1;                  // buffer, or -1
  ChoicePtr choice;
  absl::Span<const Layout> output_layouts;  // the choice's
  std::unique_ptr<Kernel> kernel;
};

// What a plan needs. Bytes.
struct MemoryNeed {
  int64_t arena = 0;        // activations, gradients, scratch
  int64_t lower_bound = 0;  // of the arena: the most that is alive at one step
  int64_t variables = 0;    // of the whole store: storage and replicas
  int64_t total() const;    // at most 2^63 - 1
};

// What is computed a second time to save memory.
struct RecomputationNote {
  int steps = 0;            // that run again
  double price = 0;         // their time as a part of all steps' time, predicted
  int64_t saved_bytes = 0;  // of the arena
};

// Looks on while a plan runs.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void Before(int step) = 0;  // an index of Plan::steps()
  virtual void After(int step) = 0;
};

class Plan {
 public:
  static absl::StatusOr<std::unique_ptr<Plan>> Compile(Program program, VariableStore* store,
                                                       const PlanOptions& options);

  const Program& program() const { return program_; }
  const std::vector<PlanStep>& steps() const { return steps_; }
  const std::vector<PlanBuffer>& buffers() const { return buffers_; }
  // Null for nodes without a kernel (sources, views, writes).
  const NodeChoice* choice(int node) const {
    return step_of_[node] < 0 ? nullptr : steps_[step_of_[node]].choice.get();
  }
  MemoryNeed memory() const;
  const RecomputationNote& recomputation() const { return recomputation_; }

  // Layout changes of activations and gradients in the loop, and of variables once per version.
  int reorders() const { return reorders_; }
  int weight_reorders() const { return weight_reorders_ + static_cast<int>(replicas_.size()); }

  // The candidate that runs each node that has a kernel, in order: what a later run gives as kernel_choices.
  std::vector<std::pair<std::string, KernelName>> Choices() const;

  // Gets memory for the variables, and gives those that have none their first values.
  absl::Status MaterializeVariables();

  // Materializes the variables and points the kernels at an arena of memory().arena bytes. The padding of blocked
  // buffers in the arena is written.
  absl::Status Bind(uint8_t* arena, const RunState* state);

  // Where a feed's (or fetch's) plain bytes lie; null when the program has none of that name, or before Bind.
  void* FeedAddress(absl::string_view name, TensorType* type) const;
  const void* FetchAddress(absl::string_view name, TensorType* type) const;
  const std::vector<std::string>& feeds() const { return feed_order_; }

  // Runs the steps of one stage. kCompute first brings derived variables and replicas up to date; the others tell the
  // store what they have written. An error names the node.
  absl::Status Run(Stage stage);

  // As Run(kCompute), but looks at every float that is fed or that a step gives, and names the input or the first node
  // that has infinity or NaN.
  absl::Status RunCheckingNumerics();

  // Sets the variables that are this plan's own (Scope::kPlan) to zero: the next batch starts anew.
  absl::Status ForgetCarried();

  // From now on `observer` is told of each step that Run runs; null ends that. It must live as long.
  void Observe(StepObserver* observer) { observer_ = observer; }

  // One step a line with buffers and layouts.
  std::string ToString() const;
  // What a step moves without computing, and why: each reorder and who asked for it, values that are copied into
  // others, inputs that are copied because their memory is needed again; then the notes of the options. A line each;
  // empty when all is well.
  std::string Explain() const;
  // A picture of the arena, time to the right and memory upwards; then the largest buffers by name, and what is alive
  // when the most is.
  std::string DrawMemory(int width = 100, int height = 30) const;

 private:
  friend class PlanBuilder;
  struct Place {
    int buffer = -1;
    TensorType type;
  };
  struct ReplicaUse {
    int variable;
    int replica;
  };

  absl::Status RunStep(const PlanStep& step);
  // Brings derived variables, then replicas up to date.
  absl::Status RefreshVariables();
  absl::Status CheckFeeds() const;
  absl::Status CheckOutputs(const PlanStep& step) const;
  std::string WhyReordered(int step) const;
  std::string WhyNotInPlace(int step, int buffer) const;
  void* Address(int buffer) const { return addresses_.empty() ? nullptr : addresses_[buffer]; }
  void StartLives(int step);
  void EndLives(int step);

  Program program_;
  std::unique_ptr<Plan> prologue_;     // of program_.prologue, or null; its arena lies behind this plan's own
  std::vector<int> prologue_sources_;  // variables of the store that it only reads
  VariableStore* store_ = nullptr;
  PlanOptions options_;
  StepObserver* observer_ = nullptr;
  std::vector<PlanStep> steps_;  // by stage
  std::vector<int> step_of_;     // by node; -1: no kernel
  int stage_end_[3] = {0, 0, 0};
  std::vector<PlanBuffer> buffers_;
  std::vector<std::vector<int>> starts_, ends_;  // by step: arena buffers whose life begins or ends there
  std::vector<ReplicaUse> replicas_;
  std::vector<int> used_variables_;  // of the store
  std::vector<int> carried_;         // those of Scope::kPlan
  std::vector<int> written_[3];      // by stage: variables of the store
  absl::flat_hash_map<std::string, Place> feeds_, fetches_;
  std::vector<std::string> feed_order_;
  int reorders_ = 0, weight_reorders_ = 0;
  int64_t arena_bytes_ = 0, lower_bound_ = 0;
  RecomputationNote recomputation_;

  uint8_t* arena_ = nullptr;
  std::vector<void*> addresses_;                          // by buffer
  std::vector<std::vector<const void*>> input_pointers_;  // by step: what kernels keep spans of
  std::vector<std::vector<void*>> output_pointers_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_PLAN_H_
