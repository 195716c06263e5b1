// How a pass changes a graph: it looks at the nodes, adds others, says whose places they take, and finishes. Until then
// the graph is as it was, but for nodes added at its end.
//
//   Rewriter rewriter(program, log);
//   for (int i = 0; i < rewriter.size(); ++i) {
//     ... two nodes, conv and relu, that may become one ...
//     GRADUS_ASSIGN_OR_RETURN(Value fused, rewriter.Add({"ConvRelu", ...}, relu));
//     rewriter.Replace(Value{relu, 0}, fused);
//     rewriter.Absorb({conv, relu}, fused.node);
//   }
//   return rewriter.Finish();
//
// Used by one thread; refers to the program and the log.
#ifndef GRADUS_GRAPH_REWRITE_H_
#define GRADUS_GRAPH_REWRITE_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/passes.h"
#include "graph/program.h"

namespace gradus {

class Rewriter {
 public:
  Rewriter(Program* program, PassLog* log);

  const Graph& graph() const { return program_->graph; }
  const Node& node(int index) const { return program_->graph.node(index); }
  // Nodes before anything was added.
  int size() const { return size_; }
  // Whether the node is of this operation and still in its place.
  bool Is(int node, absl::string_view op) const;
  bool IsGone(int node) const { return gone_[node]; }

  // The nodes that read a value, in order, one as often as it reads it.
  absl::Span<const int> Readers(Value value) const;
  // Whether it is a fetch or a gradient.
  bool Leaves(Value value) const {
    Index();
    return leaves_.contains(value);
  }
  // The node that alone reads the value, which does not leave the graph as a fetch or gradient; else -1.
  int OnlyReader(Value value) const;
  // Why there is none, for the log: "loss 'x' reads it, too".
  std::string WhyNotOnlyReader(Value value) const;
  // Whether any other output of the value's node is read while computing by a node before `before`.
  bool OthersReadBefore(Value value, int before) const;
  // Whether `node` needs `other`'s results.
  bool Needs(int node, int other) const;

  // Adds a node that shall stand where the old node `at` stands, or behind it as soon as its inputs are there.
  absl::StatusOr<Value> Add(Graph::NodeSpec spec, int at);
  absl::StatusOr<Value> AddVariable(Variable variable, int at);
  // Who reads `value` (readers, fetches, gradients), reads `by` then.
  void Replace(Value value, Value by);
  // The nodes go; who has one as forward partner has `by` then (-1: nobody may).
  void Absorb(std::initializer_list<int> nodes, int by);

  void Did(std::string what) { log_->done.push_back(std::move(what)); }
  void Missed(std::string what) { log_->missed.push_back(std::move(what)); }

  // Makes all changes. An Internal error when a node that went is still read, or nodes need each other.
  absl::Status Finish();

 private:
  void NoteAdded(int at);
  // Finds out who reads what, once; many passes never ask.
  void Index() const;
  // What a fetch or gradient is, for messages.
  std::string LeafName(int leaf) const;
  Value Resolve(Value value) const;
  int ResolvePartner(int node) const;
  absl::StatusOr<std::vector<int>> Order() const;

  Program* program_;
  PassLog* log_;
  const int size_;
  mutable bool indexed_ = false;
  mutable std::vector<int> first_value_;   // by node: the number of its output 0; the last is the number of all values
  mutable std::vector<int> first_reader_;  // by value: where in readers_ its own begin; the last is their end
  mutable std::vector<int> readers_;       // nodes
  mutable absl::flat_hash_map<Value, int> leaves_;  // of fetches by number, then gradients
  std::vector<int> at_;                             // of added nodes
  std::vector<bool> gone_;                          // by node, added ones included
  absl::flat_hash_map<Value, Value> values_;
  absl::flat_hash_map<int, int> partners_;
};

// Drops nodes that are not in `keep`, lets readers of a value read another, and adjusts the program's ends.
void Rebuild(Program* program, const Graph::Rebuilding& rebuilding);

// The name of a node made of two: "conv1" and "conv1/activation" are "conv1+activation".
std::string JoinedName(absl::string_view first, absl::string_view second);

// "Conv 'conv1'".
std::string Describe(const Node& node);

}  // namespace gradus

#endif  // GRADUS_GRAPH_REWRITE_H_
