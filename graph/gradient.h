// Reverse-mode differentiation: gradients are graph.
//
// AddGradients walks the nodes backwards once. A rule sees one node, its inputs, outputs and output gradients, and adds
// the nodes of its input gradients. The driver does the rest, once and for all: it sums the gradients of a value that
// is used more than once, sums over broadcast axes, skips what no wanted value needs, and stops where an operation has
// no gradient. Backward operations have rules too, so second derivatives come from the same table.
#ifndef GRADUS_GRAPH_GRADIENT_H_
#define GRADUS_GRAPH_GRADIENT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/graph.h"
#include "graph/op.h"

namespace gradus {

class GradientContext {
 public:
  GradientContext(Graph* graph, int node, std::vector<Value> dy, std::vector<bool> wanted);

  Graph& graph() { return *graph_; }
  const Node& node() const { return graph_->node(node_); }
  template <typename T>
  const T& attrs() const {
    return node().attrs.as<T>();
  }

  int num_inputs() const { return static_cast<int>(node().inputs.size()); }
  Value input(int i) const { return node().inputs[i]; }
  Value output(int i) const { return Value{node_, i}; }
  const TensorType& type(Value value) const { return graph_->type(value); }
  const Shape& shape(Value value) const { return graph_->type(value).shape; }

  // The gradient of output i, of the output's own type; invalid when none arrives there. At least one is valid.
  Value dy(int i) const { return dy_[i]; }
  // Whether anybody wants the gradient of input i: a rule should not compute it otherwise.
  bool wants(int i) const { return wanted_[i]; }

  // Adds a node in the name of this rule and gives its first output. After an error (an invalid input counts) it gives
  // an invalid value and later calls do nothing: the driver reports the first error.
  Value Call(absl::string_view op, std::vector<Value> inputs, Attrs attrs = {});

  // Gives input i its gradient: of the input's type, or of one that the input broadcasts to. Invalid: no gradient.
  void Set(int i, Value gradient) { dx_[i] = gradient; }

  const absl::Status& status() const { return status_; }
  const std::vector<Value>& dx() const { return dx_; }

 private:
  Graph* graph_;
  int node_;
  std::vector<Value> dy_, dx_;
  std::vector<bool> wanted_;
  absl::Status status_;
};

struct GradientOptions {
  // Rules to use instead of the registered ones, by operation name (deconvolution view, guided back-propagation).
  absl::flat_hash_map<std::string, GradientFunction> overrides;
  // Called with each wanted value and its finished gradient, in the order in which they are finished; what it returns,
  // of the value's type, takes the gradient's place.
  std::function<absl::StatusOr<Value>(Graph*, Value wanted, Value gradient)> finished;
};

// The gradients of sum_i <dys[i], ys[i]> by each value of `wrt`, added to the graph; an invalid Value for a wanted
// value that no y depends on. dys: one for each y, of its type; an invalid one stands for ones.
absl::StatusOr<std::vector<Value>> AddGradients(Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> dys,
                                                absl::Span<const Value> wrt, const GradientOptions& options = {});

}  // namespace gradus

#endif  // GRADUS_GRAPH_GRADIENT_H_
