#include "graph/gradient.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"

namespace gradus {
namespace {

bool Differentiable(const TensorType& type) { return type.dtype == DType::kFloat32 || type.dtype == DType::kFloat64; }

// For each node whether it depends on one of `sources` (which count as depending on themselves).
std::vector<bool> DependsOn(const Graph& graph, absl::Span<const Value> sources) {
  std::vector<bool> depends(graph.size(), false);
  for (Value source : sources) depends[source.node] = true;
  for (int i = 0; i < graph.size(); ++i) {
    for (Value input : graph.node(i).inputs) {
      if (depends[input.node]) depends[i] = true;
    }
  }
  return depends;
}

class Differentiator {
 public:
  Differentiator(Graph* graph, absl::Span<const Value> wrt, const GradientOptions& options)
      : graph_(graph), options_(options), needed_(DependsOn(*graph, wrt)) {
    for (size_t i = 0; i < wrt.size(); ++i) wanted_.insert({wrt[i], Value{}});
  }

  absl::Status Seed(Value y, Value dy) {
    if (!needed_[y.node]) return absl::OkStatus();
    const TensorType type = graph_->type(y);
    if (!dy.valid()) {
      GRADUS_ASSIGN_OR_RETURN(dy, Add(y.node, "Fill", {}, FillAttrs{type, 1.0}));
    }
    if (graph_->type(dy) != type) {
      return ErrorAt(graph_->node(y).where,
                     absl::StrCat("the gradient of '", graph_->node(y).name, "' is ", graph_->type(dy).ToString(),
                                  " but the value is ", type.ToString()));
    }
    parts_[y].push_back(dy);
    return absl::OkStatus();
  }

  // Nodes in reverse order: when a node is reached, every reader of its outputs has had its turn.
  absl::Status Run() {
    const int last = static_cast<int>(needed_.size()) - 1;
    for (int i = last; i >= 0; --i) {
      if (needed_[i]) GRADUS_RETURN_IF_ERROR(Visit(i));
    }
    return absl::OkStatus();
  }

  Value Result(Value wanted) const { return wanted_.at(wanted); }

 private:
  absl::Status Visit(int index) {
    const int outputs = static_cast<int>(graph_->node(index).outputs.size());
    std::vector<Value> dy(outputs);
    bool any = false;
    for (int output = 0; output < outputs; ++output) {
      GRADUS_ASSIGN_OR_RETURN(dy[output], Finish(Value{index, output}));
      any = any || dy[output].valid();
    }
    const Node& node = graph_->node(index);
    if (!any || node.inputs.empty()) return absl::OkStatus();
    std::vector<bool> wanted(node.inputs.size());
    bool anybody = false;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      wanted[i] = needed_[node.inputs[i].node] && Differentiable(graph_->type(node.inputs[i]));
      anybody = anybody || wanted[i];
    }
    if (!anybody) return absl::OkStatus();
    auto rule = options_.overrides.find(node.op->name());
    const GradientFunction& function = rule != options_.overrides.end() ? rule->second : node.op->gradient();
    if (!function) return absl::OkStatus();  // NoGradient: nothing flows

    GradientContext context(graph_, index, std::move(dy), wanted);
    absl::Status status = function(context);
    if (status.ok()) status = context.status();
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(node.where.ToString(), ": gradient of ", node.op->name(), " '",
                                                      node.name, "': ", status.message()));
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      Value dx = context.dx()[i];
      if (!wanted[i] || !dx.valid()) continue;
      GRADUS_ASSIGN_OR_RETURN(dx, UnBroadcast(index, dx, graph_->type(node.inputs[i])));
      parts_[node.inputs[i]].push_back(dx);
    }
    return absl::OkStatus();
  }

  // The sum of all that arrived at a value; invalid when nothing did.
  absl::StatusOr<Value> Finish(Value value) {
    auto found = parts_.find(value);
    if (found == parts_.end()) return Value{};
    std::vector<Value> parts = std::move(found->second);
    parts_.erase(found);
    Value sum = parts[0];
    if (parts.size() > 1) {
      GRADUS_ASSIGN_OR_RETURN(sum, Add(value.node, "AddN", std::move(parts), {}));
    }
    auto wanted = wanted_.find(value);
    if (wanted != wanted_.end()) {
      if (options_.finished) {
        GRADUS_ASSIGN_OR_RETURN(sum, options_.finished(graph_, value, sum));
        GRADUS_RETURN_IF_ERROR(CheckReplacement(value, sum));
      }
      wanted->second = sum;
    }
    return sum;
  }

  absl::Status CheckReplacement(Value value, Value gradient) const {
    if (gradient.valid() && graph_->type(gradient) == graph_->type(value)) return absl::OkStatus();
    const Node& node = graph_->node(value);
    return ErrorAt(node.where, absl::StrCat("the hook on finished gradients gives ",
                                            gradient.valid() ? graph_->type(gradient).ToString() : "nothing", " for '",
                                            node.name, "', which is ", graph_->type(value).ToString()));
  }

  // A gradient of a larger shape than its input's is summed over the axes that were broadcast.
  absl::StatusOr<Value> UnBroadcast(int node, Value dx, const TensorType& type) {
    const TensorType& have = graph_->type(dx);
    if (have == type) return dx;
    if (have.dtype == type.dtype) {
      absl::StatusOr<Shape> both = BroadcastShapes(have.shape, type.shape);
      if (both.ok() && *both == have.shape) return Add(node, "SumTo", {dx}, ShapeAttrs{type.shape});
    }
    return ErrorAt(graph_->node(node).where,
                   absl::StrCat("the gradient rule of ", graph_->node(node).op->name(), " ('", graph_->node(node).name,
                                "') gives ", have.ToString(), " for an input of type ", type.ToString()));
  }

  absl::StatusOr<Value> Add(int node, absl::string_view op, std::vector<Value> inputs, Attrs attrs) {
    const Node& of = graph_->node(node);
    return graph_->Add(
        {op, absl::StrCat(of.name, "/gradient"), std::move(inputs), std::move(attrs), of.where, of.stage, -1});
  }

  Graph* graph_;
  const GradientOptions& options_;
  std::vector<bool> needed_;  // by node: depends on a wanted value; nodes added later are not walked
  absl::flat_hash_map<Value, std::vector<Value>> parts_;
  absl::flat_hash_map<Value, Value> wanted_;
};

}  // namespace

GradientContext::GradientContext(Graph* graph, int node, std::vector<Value> dy, std::vector<bool> wanted)
    : graph_(graph), node_(node), dy_(std::move(dy)), dx_(wanted.size()), wanted_(std::move(wanted)) {}

Value GradientContext::Call(absl::string_view op, std::vector<Value> inputs, Attrs attrs) {
  if (!status_.ok()) return Value{};
  for (Value input : inputs) {
    if (!input.valid()) {
      status_ = absl::InternalError(absl::StrCat("an input of ", op, " is missing"));
      return Value{};
    }
  }
  const Node& of = node();
  absl::StatusOr<Value> added = graph_->Add(
      {op, absl::StrCat(of.name, "/gradient"), std::move(inputs), std::move(attrs), of.where, of.stage, node_});
  if (!added.ok()) {
    status_ = added.status();
    return Value{};
  }
  return *added;
}

absl::StatusOr<std::vector<Value>> AddGradients(Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> dys,
                                                absl::Span<const Value> wrt, const GradientOptions& options) {
  GRADUS_CHECK(ys.size() == dys.size());
  for (const auto& [op, rule] : options.overrides) {
    if (OpRegistry::Get().Find(op) != nullptr) continue;
    return absl::InvalidArgumentError(absl::StrCat("a gradient rule is given for '", op, "', which is no operation"));
  }
  Differentiator differentiator(graph, wrt, options);
  for (size_t i = 0; i < ys.size(); ++i) GRADUS_RETURN_IF_ERROR(differentiator.Seed(ys[i], dys[i]));
  GRADUS_RETURN_IF_ERROR(differentiator.Run());
  std::vector<Value> gradients;
  gradients.reserve(wrt.size());
  for (Value value : wrt) gradients.push_back(differentiator.Result(value));
  return gradients;
}

}  // namespace gradus
