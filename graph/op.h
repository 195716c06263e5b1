// What an operation is, apart from how it runs: its types, its gradient, and facts that passes and the memory planner
// need. One chain in the operation's own file says it all:
//
//   REGISTER_OP(Softmax)
//       .Inputs(1)
//       .Types(SameAsInput)
//       .Gradient(SoftmaxGradient)   // or .NoGradient("counts, not a function")
//       .InPlace(0, 0);
//
// Registration happens before main; afterwards the registry is only read, from any thread.
#ifndef GRADUS_GRAPH_OP_H_
#define GRADUS_GRAPH_OP_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/attrs.h"
#include "graph/graph.h"

namespace gradus {

class GradientContext;

// What a type function sees.
struct TypeContext {
  absl::Span<const TensorType> inputs;
  const Attrs& attrs;

  const TensorType& input(int i) const { return inputs[i]; }
  const Shape& shape(int i) const { return inputs[i].shape; }
};

// The types of a node's outputs, or what is wrong with its inputs (both shapes in the message; Graph::Add prepends the
// place and the signature). Must survive any shape that exists.
using TypeFunction = std::function<absl::StatusOr<std::vector<TensorType>>(const TypeContext&)>;

// Adds the nodes of a gradient to the graph; see graph/gradient.h.
using GradientFunction = std::function<absl::Status(GradientContext&)>;

// How many products a node sums up: its multiply-accumulates, without bias. A double, exact up to 2^53: types that
// exist may ask for more than 2^63.
using MacsFunction = std::function<double(const TypeContext& context, absl::Span<const TensorType> outputs)>;

// output `output` may live in the memory of input `input`.
struct InputOutputPair {
  int input;
  int output;
};

using InPlaceFunction = std::function<std::vector<InputOutputPair>(const Attrs&)>;

class OpDef {
 public:
  const std::string& name() const { return name_; }
  int min_inputs() const { return min_inputs_; }
  int max_inputs() const { return max_inputs_; }
  const TypeFunction& types() const { return types_; }

  bool has_gradient() const { return static_cast<bool>(gradient_); }
  bool has_no_gradient() const { return !no_gradient_.empty(); }
  const GradientFunction& gradient() const { return gradient_; }
  const std::string& no_gradient_reason() const { return no_gradient_; }

  // Null for an operation that is no sum of products. See MacsOf.
  const MacsFunction& macs() const { return macs_; }

  // Outputs that a kernel may write over an input of the same layout whose last reader it is, for nodes with these
  // attributes.
  std::vector<InputOutputPair> in_place(const Attrs& attrs) const {
    return in_place_of_ ? in_place_of_(attrs) : in_place_;
  }
  // Outputs that are their input's bytes under another shape, when the input is plain: no kernel runs.
  const std::vector<InputOutputPair>& views() const { return views_; }
  // Why a run is nothing but a copy of all inputs; empty: it is more than that. For --explain, like the next.
  const std::string& why_copy() const { return why_copy_; }
  // Why its kernels take and give one layout only; empty: nothing special.
  const std::string& why_layout() const { return why_layout_; }
  // Kept though nothing reads its outputs (Assign).
  bool is_sink() const { return sink_; }
  // Depends on more than inputs and attributes: on the step's random key. Never merged with an equal node.
  bool is_random() const { return random_; }
  // Feeds, variables: values that exist before the first step.
  bool is_source() const { return source_; }

  // ---- the chain ----
  OpDef& Inputs(int count) { return Inputs(count, count); }
  OpDef& Inputs(int least, int most) {
    min_inputs_ = least, max_inputs_ = most;
    return *this;
  }
  OpDef& Types(TypeFunction types) {
    types_ = std::move(types);
    return *this;
  }
  OpDef& Gradient(GradientFunction gradient) {
    gradient_ = std::move(gradient);
    return *this;
  }
  OpDef& NoGradient(std::string reason) {
    no_gradient_ = std::move(reason);
    return *this;
  }
  OpDef& Macs(MacsFunction macs) {
    macs_ = std::move(macs);
    return *this;
  }
  OpDef& InPlace(int input, int output) {
    in_place_.push_back({input, output});
    return *this;
  }
  OpDef& InPlace(InPlaceFunction pairs) {
    in_place_of_ = std::move(pairs);
    return *this;
  }
  OpDef& View(int input, int output) {
    views_.push_back({input, output});
    return *this;
  }
  OpDef& IsCopy(std::string why) {
    why_copy_ = std::move(why);
    return *this;
  }
  OpDef& OneLayout(std::string why) {
    why_layout_ = std::move(why);
    return *this;
  }
  OpDef& Sink() {
    sink_ = true;
    return *this;
  }
  OpDef& Random() {
    random_ = true;
    return *this;
  }
  OpDef& Source() {
    source_ = true;
    return *this;
  }

 private:
  friend class OpRegistry;
  std::string name_;
  int min_inputs_ = 0, max_inputs_ = 0;
  TypeFunction types_;
  GradientFunction gradient_;
  std::string no_gradient_, why_copy_, why_layout_;
  MacsFunction macs_;
  std::vector<InputOutputPair> in_place_, views_;
  InPlaceFunction in_place_of_;  // instead of in_place_
  bool sink_ = false, random_ = false, source_ = false;
};

class OpRegistry {
 public:
  static OpRegistry& Get();
  OpDef& Register(absl::string_view name);          // a second registration of a name is a bug: aborts
  const OpDef* Find(absl::string_view name) const;  // null when there is none
  std::vector<const OpDef*> All() const;            // by name

 private:
  std::vector<std::pair<std::string, OpDef*>> ops_;
};

constexpr int kAnyNumber = 1 << 30;  // of inputs

// The multiply-accumulates of a node of `graph`; 0 for an operation that is no sum of products.
double MacsOf(const Graph& graph, const Node& node);

// The type of input 0.
absl::StatusOr<std::vector<TensorType>> SameAsInput(const TypeContext& context);

}  // namespace gradus

#define REGISTER_OP(name) \
  [[maybe_unused]] static ::gradus::OpDef& gradus_op_##name = ::gradus::OpRegistry::Get().Register(#name)

#endif  // GRADUS_GRAPH_OP_H_
