// The static graph: nodes in topological order by construction, each typed when it is added, so that a Graph is never
// ill-typed. Layouts, kernels and memory are no part of it: those belong to the plan.
//
// A graph owns its nodes and its table of variables. Not thread-safe while it is built; safe to read from several
// threads afterwards.
#ifndef GRADUS_GRAPH_GRAPH_H_
#define GRADUS_GRAPH_GRAPH_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"
#include "core/source_location.h"
#include "graph/attrs.h"

namespace gradus {

class OpDef;
class Initializer;  // proto/layers.proto

// Handle of one output of one node of one graph.
struct Value {
  int node = -1;
  int output = 0;

  bool valid() const { return node >= 0; }
  friend bool operator==(Value a, Value b) { return a.node == b.node && a.output == b.output; }
  friend bool operator!=(Value a, Value b) { return !(a == b); }
  template <typename H>
  friend H AbslHashValue(H h, Value v) {
    return H::combine(std::move(h), v.node, v.output);
  }
};

// The three phases of a training step, in this order. kCompute writes no variable; the host looks at its results before
// the others run.
enum class Stage : uint8_t {
  kCompute,  // forward and backward
  kCommit,   // running statistics, carried state, gradient accumulators
  kUpdate,   // clipping and the optimiser
};

struct Node {
  const OpDef* op = nullptr;
  std::string name;  // unique in the graph
  std::vector<Value> inputs;
  Attrs attrs;
  std::vector<TensorType> outputs;
  SourceLocation where;
  Stage stage = Stage::kCompute;
  // For a backward operation: the node whose gradient it is part of, whose kernel is chosen first and with it; else -1.
  int forward = -1;
};

enum class Role : uint8_t {
  kParameter,    // trained
  kState,        // running statistics, carried state
  kSlot,         // an optimiser's own
  kAccumulator,  // sums of gradients between updates; never saved
  kDerived,      // a function of other variables, made again when they have changed (Program::prologue); never saved
};

enum class Scope : uint8_t {
  kModel,  // the shape never contains the batch; shared by all plans of a session
  kPlan,   // may contain the batch; one for each plan
};

struct Variable {
  std::string name;  // "conv1/weights"
  TensorType type;
  Role role = Role::kParameter;
  Scope scope = Scope::kModel;
  // How the first value is made: serialised gradus.Initializer ("" is zeros) and the fans that it divides by.
  std::string initializer;
  double fan_in = 0, fan_out = 0;
  SourceLocation where;
};

// "a parameter f32[20, 1, 5, 5]", "state f32[20]": for messages.
std::string Describe(const Variable& variable);

class Graph {
 public:
  struct NodeSpec {
    absl::string_view op;
    std::string name;  // made unique by a suffix "_2" if taken
    std::vector<Value> inputs;
    Attrs attrs;
    SourceLocation where;
    Stage stage = Stage::kCompute;
    int forward = -1;
  };

  // Adds a node after checking its types; its first output. Errors cite the place, the operation and all input types.
  absl::StatusOr<Value> Add(NodeSpec spec);

  // Declares a variable and a node that reads it at the start of the step; the node's value. A second declaration with
  // the same name must agree in everything and gives the same value.
  absl::StatusOr<Value> AddVariable(Variable variable);

  // Writes `value` to the variable that `variable` reads, in `stage` (kCommit or kUpdate), after every read of it. At
  // most one write a variable.
  absl::Status Assign(Value variable, Value value, Stage stage);

  int size() const { return static_cast<int>(nodes_.size()); }
  // How often nodes were added, or it was built again: two equal numbers mean that nothing has changed between.
  int64_t changes() const { return changes_; }
  const Node& node(int index) const { return nodes_[index]; }
  const Node& node(Value value) const { return nodes_[value.node]; }
  const TensorType& type(Value value) const { return nodes_[value.node].outputs[value.output]; }
  const std::deque<Node>& nodes() const { return nodes_; }

  // The node called `name`, or -1.
  int Find(absl::string_view name) const;

  const std::vector<Variable>& variables() const { return variables_; }
  int FindVariable(absl::string_view name) const;  // index, or -1
  int variable_of(int node) const;                 // the variable that a Variable or Assign node is about, or -1
  Value ReadOf(int variable) const { return reads_[variable]; }

  // One node a line: `%3 = Conv(%0, %1) {strides=[1, 1]} : f32[64, 20, 24, 24]  # conv1`. What goldens compare.
  std::string ToString() const;

  // For passes, which rebuild. What reads a value that is a key of `values` then reads what it maps to; `partners` says
  // the same of forward partners. Both speak of nodes before the change.
  struct Rebuilding {
    std::vector<int> order;  // the nodes that stay, each after those that it reads
    absl::flat_hash_map<Value, Value> values;
    absl::flat_hash_map<int, int> partners;
  };
  // `moved` receives the new index of every old node, -1 where there is none.
  Graph Rebuild(const Rebuilding& rebuilding, std::vector<int>* moved) &&;

 private:
  int64_t changes_ = 0;
  std::deque<Node> nodes_;  // a deque: references stay good while nodes are added
  std::vector<Variable> variables_;
  std::vector<Value> reads_;  // by variable
  std::vector<int> assigns_;  // by variable: the Assign node, or -1
  absl::flat_hash_map<std::string, int> by_name_;
  absl::flat_hash_map<std::string, int> variable_by_name_;
  absl::flat_hash_map<std::string, int> next_suffix_;
};

// "Conv(f32[64, 1, 28, 28], f32[20, 1, 5, 5])": for messages.
std::string Signature(const OpDef& op, absl::Span<const TensorType> inputs);

}  // namespace gradus

#endif  // GRADUS_GRAPH_GRAPH_H_
