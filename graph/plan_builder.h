// The compilation of a plan; see Plan::Compile. An implementation detail of plan.h.
//
//   1. plan_builder.cc  goes through the nodes stage by stage and adds a step for each, with a buffer of its own for
//                       every output, and steps that copy values into the layouts that others ask for
//      plan_choice.cc   chooses the kernel of each
//   2. plan_memory.cc   lets buffers share memory (written values with their variables, outputs with inputs), and plans
//                       the arena
//   3. plan_recompute.cc  where that is too large for the budget: lets steps run a second time, and goes back to 2
//   4. plan_builder.cc  makes the kernels
#ifndef GRADUS_GRAPH_PLAN_BUILDER_H_
#define GRADUS_GRAPH_PLAN_BUILDER_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/kernel_catalog.h"
#include "graph/kernel_name.h"
#include "graph/kernel_times.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "graph/recompute.h"

namespace gradus {

// A plan that is made only to see what it would take: see kernel_search.h.
struct Trial {
  // Given.
  KernelTimes* times = nullptr;
  std::optional<ImageFormat> format;                          // in which images are taken to be wanted,
  absl::flat_hash_map<Value, std::vector<LayoutPtr>> wishes;  // unless it is known how their readers want them
  bool all_times = false;                                     // find the fastest candidate of each node, too
  const Trial* rival = nullptr;                               // given up, with Cancelled, when far behind this one
  bool first_candidates = false;                              // choose as without times

  // Learnt.
  double milliseconds = 0;  // of all steps, and of bringing replicas of variables up to date
  absl::flat_hash_map<Value, std::vector<LayoutPtr>> wanted;  // layouts in which a value was read
  KernelChoices choices;
  std::vector<std::string> notes;  // choices that are not the first candidates, or ask for changes of layouts, and why
  struct Fastest {
    ChoicePtr choice;
    double milliseconds = 0;
  };
  std::vector<Fastest> fastest;         // by node: with all_times, the fastest candidate in any layout
  std::vector<double> milliseconds_to;  // by node: of all steps up to its own
};

class PlanBuilder {
 public:
  PlanBuilder(Program program, VariableStore* store, const PlanOptions& options);
  absl::StatusOr<std::unique_ptr<Plan>> Build();

  // Adds the steps only, and tells what they would take.
  absl::Status Try(std::shared_ptr<KernelCatalog> catalog, Trial* trial);

 private:
  // Where a value is and how it lies there. A variable has no buffer until a reader says in which layout.
  struct Where {
    int buffer = -1;
    LayoutPtr layout = nullptr;
    int variable = -1;  // of the store
  };

  // A variable's new value.
  struct Write {
    int variable;  // of the store
    Value value;
    Stage stage;
    int buffer = -1;  // the value in the variable's layout, once its stage is done
  };

  // ---- plan_builder.cc ----
  absl::Status DeclareVariables();
  absl::Status AddSteps();
  absl::Status AddNode(int index);
  absl::Status AddView(int index, InputOutputPair view);
  absl::Status AddKernel(int index);
  absl::Status AddAssign(int index);
  absl::Status AddFetches();
  absl::Status MakeKernels();

  LayoutPtr Keep(const Layout& layout) { return catalog_->Keep(layout); }
  // The buffer that holds `value` in `layout`, made by a copy or as a variable's replica if need be.
  absl::StatusOr<int> Ensure(Value value, const Layout& layout);
  absl::StatusOr<int> EnsureVariable(int variable, const Layout& layout);
  // Adds steps that copy a buffer to another layout, by way of a plain one where there is no direct way. The new
  // buffer.
  absl::StatusOr<int> AddCopy(const std::string& name, int from_buffer, const Layout& from, const Layout& to,
                              const TensorType& type, bool of_gradient);
  absl::Status AddReorder(const std::string& name, int from_buffer, const Layout& from, int to_buffer,
                          const Layout& to);
  void AddStep(PlanStep step);
  // An error if the buffer is a variable that an earlier stage has written: reads see the value from before the step.
  absl::Status CheckNotOverwritten(const Node& reader, int buffer) const;
  int NewBuffer(int64_t bytes);
  int VariableBuffer(int variable, int replica);
  bool IsVariable(int buffer) const { return plan_->buffers_[buffer].variable >= 0; }

  // ---- plan_choice.cc ----
  absl::StatusOr<ChoicePtr> Choose(int index, const KernelSignature& signature);
  absl::StatusOr<ChoicePtr> ChooseByName(int index, const KernelSignature& signature, const KernelName& name);
  absl::StatusOr<ChoicePtr> ChooseByTime(int index, const KernelSignature& signature, std::vector<ChoicePtr> all);
  // Milliseconds of the changes of layouts that a candidate asks for: of inputs that are not at hand in its layouts,
  // and of outputs that their readers want in others.
  double InputMoves(const Node& node, const Candidate& candidate);
  double OutputMoves(int index, const KernelSignature& signature, const Candidate& candidate);
  double MoveOfInput(Value input, const Layout& layout);
  double MoveTime(const Layout& from, const Layout& to, const TensorType& type);
  std::vector<LayoutPtr> Wishes(Value output, const KernelSignature& signature) const;
  void NoteStep(const PlanStep& step);
  absl::Status CheckRival(int index);

  // ---- plan_memory.cc ----
  // What is known of a buffer while steps are added.
  struct Life {
    int first_write;  // step; 0 for a feed; INT_MAX: none
    int last_read;    // step that reads or writes it last; -1: none
    int merged_into;  // the buffer whose memory it uses; itself at first
    bool fed = false, fetched = false;
  };
  void Track(int step);
  absl::Status AddWrites();
  absl::Status PrepareWrite(Write* write);
  absl::Status PlaceWrite(const Write& write);
  bool MayWriteInPlace(const Write& write, int storage);
  const std::vector<InputOutputPair>& InPlacePairs(int node);
  void PlaceBuffers();
  void KeepFeedsAndFetches();
  void ShareMemory();
  void TryInPlace(int step, InputOutputPair pair);
  bool MayLieOver(const PlanStep& step, InputOutputPair pair) const;
  int Root(int buffer) const;
  void PlanArena();
  void PointAtRoots();

  // ---- plan_recompute.cc ----
  // The steps and what was known of buffers before any shared memory.
  struct Draft {
    std::vector<PlanStep> steps;
    size_t buffers;
    std::vector<Life> lives;
    int stage_end[3];
  };
  void PlaceWithRecomputation();
  RecomputePuzzle MakeRecomputePuzzle(const Draft& draft) const;
  double CostOf(const PlanStep& step) const;
  void RunAgain(const Draft& draft, const std::vector<ScheduledStep>& schedule, const std::vector<bool>& dropped);
  void NoteRecomputation(const RecomputePuzzle& puzzle, const Recomputation& solution, int64_t saved_bytes);

  std::unique_ptr<Plan> plan_;
  std::shared_ptr<KernelCatalog> catalog_;
  Trial* trial_ = nullptr;  // null: this plan is to run
  VariableStore* store_;
  const Graph& graph_;
  std::vector<int> store_index_;                // by the graph's variable
  std::vector<bool> assigned_;                  // by the store's variable: whether this program writes it
  absl::flat_hash_map<Value, int> written_to_;  // the store's variable that a value becomes
  std::vector<bool> overwritten_;               // by the store's variable: its stage is done
  std::vector<std::vector<Where>> where_;       // by node and output
  absl::flat_hash_map<Value, std::vector<std::pair<LayoutPtr, int>>> copies_;  // other layouts of a value
  absl::flat_hash_map<Value, Value> parameter_of_;                             // of gradients
  absl::flat_hash_map<std::pair<int, int>, int> variable_buffer_;              // (variable, replica) -> buffer
  std::string reader_;             // for whom values are brought into layouts now
  Stage stage_ = Stage::kCompute;  // whose nodes are being added
  int stage_begin_ = 0;            // its first step
  std::vector<Write> writes_;
  int pairs_of_ = -1;                   // the node that InPlacePairs was last asked for,
  std::vector<InputOutputPair> pairs_;  // and its answer
  std::vector<Life> lives_;             // by buffer
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_PLAN_BUILDER_H_
