// The compilation of a plan, pass by pass; see Plan::Compile. An implementation detail of plan.h.
#ifndef GRADUS_GRAPH_PLAN_BUILDER_H_
#define GRADUS_GRAPH_PLAN_BUILDER_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "graph/op.h"
#include "graph/plan.h"

namespace gradus {

class PlanBuilder {
 public:
  PlanBuilder(Program program, VariableStore* store, const PlanOptions& options);
  absl::StatusOr<std::unique_ptr<Plan>> Build();

 private:
  // Where a value is and how it lies there. A variable has no buffer until a reader says in which layout.
  struct Where {
    int buffer = -1;
    Layout layout;
    int variable = -1;  // of the store
  };

  absl::Status DeclareVariables();
  absl::Status ChooseKernels();
  absl::Status AddNode(int index);
  absl::Status AddView(int index, InputOutputPair view);
  absl::Status AddKernel(int index);
  absl::Status AddAssign(int index);
  absl::Status AddFetches();
  absl::Status AddWrites();
  absl::StatusOr<Candidate> Choose(int index, std::vector<Candidate> candidates) const;

  // The buffer that holds `value` in `layout`, made by a reorder or as a variable's replica if need be.
  absl::StatusOr<int> Ensure(Value value, const Layout& layout);
  absl::StatusOr<int> EnsureVariable(int variable, const Layout& layout);
  absl::StatusOr<int> AddReorder(const std::string& name, int from_buffer, const Layout& from, int to_buffer,
                                 const Layout& to);
  int NewBuffer(int64_t bytes);
  int VariableBuffer(int variable, int replica);

  void FindLives();
  void Grow();
  void Track(int step);
  absl::Status PlanArena();
  absl::Status MakeKernels();

  std::unique_ptr<Plan> plan_;
  VariableStore* store_;
  const Graph& graph_;
  std::vector<int> store_index_;                         // by the graph's variable
  std::vector<std::vector<Where>> where_;                // by node and output
  std::vector<int> step_of_;                             // by node; -1: no kernel
  absl::flat_hash_map<Value, std::vector<std::pair<Layout, int>>> copies_;  // other layouts of a value
  absl::flat_hash_map<Value, Value> parameter_of_;       // of gradients
  absl::flat_hash_map<std::pair<int, int>, int> variable_buffer_;  // (variable, replica) -> buffer
  std::vector<Candidate> makers_;                        // by step: what makes its kernel
  struct Write {
    int variable;  // of the store
    Value value;
    Stage stage;
    int buffer = -1;  // the value in the variable's layout, once its stage is done
  };
  absl::Status ShareMemory();
  absl::Status PlaceWrite(const Write& write);
  void TryInPlace(int step, InputOutputPair pair);

  std::vector<Write> writes_;
  Stage stage_ = Stage::kCompute;  // whose nodes are being added
  std::vector<int> last_read_;  // by buffer
  std::vector<int> first_write_;
  std::vector<int> merged_into_;  // by buffer: whose memory it is; itself at first
  std::vector<bool> fetched_;     // by buffer
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_PLAN_BUILDER_H_
