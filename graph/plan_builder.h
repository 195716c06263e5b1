// The compilation of a plan; see Plan::Compile. An implementation detail of plan.h.
//
//   1. plan_builder.cc  goes through the nodes stage by stage and adds a step for each, with a buffer of its own for
//   every
//                       output, and steps that copy values into the layouts that others ask for
//   2. plan_memory.cc   lets buffers share memory (written values with their variables, outputs with inputs), and plans
//                       the arena
//   3. plan_recompute.cc  where that is too large for the budget: lets steps run a second time, and goes back to 2
//   4. plan_builder.cc  makes the kernels
#ifndef GRADUS_GRAPH_PLAN_BUILDER_H_
#define GRADUS_GRAPH_PLAN_BUILDER_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "graph/recompute.h"

namespace gradus {

class PlanBuilder {
 public:
  PlanBuilder(Program program, VariableStore* store, const PlanOptions& options);
  absl::StatusOr<std::unique_ptr<Plan>> Build();

 private:
  using ChoicePtr = std::shared_ptr<const NodeChoice>;

  // Layouts are large and few: each is kept once, so that most comparisons are of addresses.
  using LayoutPtr = const Layout*;

  // Where a value is and how it lies there. A variable has no buffer until a reader says in which layout.
  struct Where {
    int buffer = -1;
    LayoutPtr layout = nullptr;
    int variable = -1;  // of the store
  };

  // What a kernel factory may look at: nodes for which all this is equal have the same candidates.
  struct Signature {
    const OpDef* op;
    Attrs attrs;
    std::vector<TensorType> types;  // of inputs
    std::vector<LayoutPtr> inputs, wanted;
    std::vector<bool> flexible;
    const Candidate* forward;

    friend bool operator==(const Signature& a, const Signature& b) {
      return a.op == b.op && a.forward == b.forward && a.attrs == b.attrs && a.types == b.types &&
             a.inputs == b.inputs && a.wanted == b.wanted && a.flexible == b.flexible;
    }
    template <typename H>
    friend H AbslHashValue(H h, const Signature& s) {
      return H::combine(std::move(h), s.op, s.attrs, s.types, s.inputs, s.wanted, s.forward);
    }
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
  absl::StatusOr<ChoicePtr> Choose(int index, const Signature& signature);
  absl::StatusOr<std::vector<ChoicePtr>> Candidates(const Node& node, const Signature& signature);
  absl::Status MakeKernels();

  LayoutPtr Keep(const Layout& layout);
  // The buffer that holds `value` in `layout`, made by a copy or as a variable's replica if need be.
  absl::StatusOr<int> Ensure(Value value, const Layout& layout);
  absl::StatusOr<int> EnsureVariable(int variable, const Layout& layout);
  // Adds steps that copy a buffer to another layout, by way of a plain one where there is no direct way. The new
  // buffer.
  absl::StatusOr<int> AddCopy(const std::string& name, int from_buffer, const Layout& from, const Layout& to,
                              const TensorType& type, bool of_gradient);
  absl::Status AddReorder(const std::string& name, int from_buffer, const Layout& from, int to_buffer,
                          const Layout& to);
  absl::StatusOr<ChoicePtr> ReorderChoice(const Layout& from, const Layout& to);
  void AddStep(PlanStep step);
  // An error if the buffer is a variable that an earlier stage has written: reads see the value from before the step.
  absl::Status CheckNotOverwritten(const Node& reader, int buffer) const;
  int NewBuffer(int64_t bytes);
  int VariableBuffer(int variable, int replica);
  bool IsVariable(int buffer) const { return plan_->buffers_[buffer].variable >= 0; }

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
  bool MayWriteInPlace(const Write& write, int storage) const;
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
  VariableStore* store_;
  const Graph& graph_;
  std::vector<int> store_index_;           // by the graph's variable
  std::vector<bool> assigned_;             // by the store's variable: whether this program writes it
  std::vector<bool> overwritten_;          // by the store's variable: its stage is done
  std::vector<std::vector<Where>> where_;  // by node and output
  std::deque<Layout> layouts_;             // that Keep has seen
  absl::flat_hash_map<int64_t, std::vector<LayoutPtr>> layouts_by_bytes_;
  absl::flat_hash_map<Signature, std::vector<ChoicePtr>> candidates_;
  absl::flat_hash_map<std::pair<LayoutPtr, LayoutPtr>, ChoicePtr> reorders_;   // from, to
  absl::flat_hash_map<Value, std::vector<std::pair<LayoutPtr, int>>> copies_;  // other layouts of a value
  absl::flat_hash_map<Value, Value> parameter_of_;                             // of gradients
  absl::flat_hash_map<std::pair<int, int>, int> variable_buffer_;              // (variable, replica) -> buffer
  Stage stage_ = Stage::kCompute;                                              // whose nodes are being added
  int stage_begin_ = 0;                                                        // its first step
  std::vector<Write> writes_;
  std::vector<Life> lives_;  // by buffer
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_PLAN_BUILDER_H_
