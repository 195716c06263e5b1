#include "examples/model_summary.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/status_macros.h"
#include "graph/expand.h"
#include "graph/lower.h"
#include "graph/op.h"
#include "graph/passes.h"
#include "graph/program.h"
#include "graph/receptive_field.h"
#include "graph/session.h"
#include "graph/training.h"
#include "graph/variables.h"
#include "proto/train.pb.h"
#include "train/learner.h"

namespace gradus {
namespace {

absl::StatusOr<Network> LowerFor(const ExpandedModel& model, Mode mode, int64_t batch, const SummaryOptions& options) {
  LowerOptions lower;
  lower.mode = mode;
  lower.batch = batch;
  lower.input_dims = options.input_dims;
  return Lower(model, lower);
}

// The parameter that a node reads: its elements, else 0.
int64_t ParametersOf(const Graph& graph, int node) {
  const int variable = graph.variable_of(node);
  if (variable < 0 || graph.ReadOf(variable).node != node) return 0;
  const Variable& v = graph.variables()[variable];
  return v.role == Role::kParameter ? v.type.shape.num_elements() : 0;
}

// For each node of the graph whether one of `values` depends on it.
std::vector<bool> NeededBy(const Graph& graph, const std::vector<NamedValue>& values) {
  std::vector<bool> needed(graph.size(), false);
  for (const NamedValue& value : values) needed[value.value.node] = true;
  for (int i = graph.size() - 1; i >= 0; --i) {
    if (!needed[i]) continue;
    for (Value input : graph.node(i).inputs) needed[input.node] = true;
  }
  return needed;
}

// Of the nodes [first, last) for which `counted` holds.
NetworkCost CostOf(const Graph& graph, int first, int last, const std::vector<bool>& counted) {
  NetworkCost cost;
  for (int i = first; i < last; ++i) {
    if (!counted[i]) continue;
    cost.parameters += ParametersOf(graph, i);
    cost.macs += MacsOf(graph, graph.node(i));
  }
  return cost;
}

// The model without convolutions as products of matrices, which compute the same but whose graph no longer shows
// windows.
absl::StatusOr<ExpandedModel> WithWindows(const ExpandedModel& model) {
  Model changed = model.model();
  for (Layer& layer : *changed.mutable_layer()) {
    if (layer.has_conv()) layer.mutable_conv()->clear_algorithm();
  }
  return ExpandModel(changed, SourceMap());
}

// Of the sums of products that a layer of a text is made of, by the textbook's formulas. `graph` has a batch of 1.
void AddFormulas(const Graph& graph, const LoweredLayer& layer, LayerSummary* summary) {
  if (layer.kind != "conv" && layer.kind != "dense") return;
  for (int i = layer.first_node; i < layer.last_node; ++i) {
    const double macs = MacsOf(graph, graph.node(i));
    if (macs == 0) continue;
    const Shape& y = graph.type({i, 0}).shape;  // [1, C_out, ...]
    const auto elements = static_cast<double>(y.num_elements());
    const double products = macs / elements;  // k_w k_h C_in
    summary->formula_parameters += (products + 1) * static_cast<double>(y[1]);
    summary->formula_operations += (products + 1) * elements;
  }
}

// Of one input of a network, what every node sees.
struct InputView {
  const TensorType* type = nullptr;
  int first_axis = 0;  // the first spatial one
  std::vector<std::optional<ReceptiveField>> fields;
};

std::vector<InputView> ViewsOf(const Network& network) {
  std::vector<InputView> views;
  for (const NamedValue& input : network.inputs) {
    const TensorType& type = network.graph.type(input.value);
    const int first_axis = type.dtype == DType::kFloat32 ? 2 : 1;
    if (type.shape.rank() <= first_axis) continue;
    views.push_back({&type, first_axis, ReceptiveFields(network.graph, input.value)});
  }
  return views;
}

void AddField(const std::vector<InputView>& views, const LoweredLayer& layer, LayerSummary* summary) {
  for (const InputView& view : views) {
    const std::optional<ReceptiveField>& field = view.fields[layer.output.node];
    if (!field) continue;
    summary->sees_all =
        std::all_of(field->begin() + view.first_axis, field->end(), [](const AxisField& axis) { return axis.whole(); });
    for (int axis = view.first_axis; axis < view.type->shape.rank(); ++axis) {
      summary->field.push_back(ExtentOf((*field)[axis], view.type->shape[axis]));
    }
    return;
  }
}

absl::StatusOr<MemoryNeed> PlannedMemory(Program program) {
  GRADUS_RETURN_IF_ERROR(RunPasses(&program, PassOptions()));
  VariableStore variables;
  PlanOptions options;
  options.threads = AvailableCores();
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Plan> plan, Plan::Compile(std::move(program), &variables, options));
  return plan->memory();
}

}  // namespace

absl::StatusOr<ModelSummary> SummarizeModel(const ExpandedModel& model, const SummaryOptions& options) {
  GRADUS_ASSIGN_OR_RETURN(const Network network, LowerFor(model, Mode::kTrain, options.batch, options));
  // The same nodes for one example.
  GRADUS_ASSIGN_OR_RETURN(const ExpandedModel windows, WithWindows(model));
  GRADUS_ASSIGN_OR_RETURN(const Network one, LowerFor(windows, Mode::kTrain, 1, options));
  GRADUS_ASSIGN_OR_RETURN(const Network inference, LowerFor(model, Mode::kInfer, 1, options));
  const std::vector<bool> all(one.graph.size(), true);
  const std::vector<InputView> views = ViewsOf(one);
  ModelSummary summary;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const LoweredLayer& layer = network.layers[i];
    const NetworkCost cost = CostOf(one.graph, one.layers[i].first_node, one.layers[i].last_node, all);
    const TensorType& output = network.graph.type(layer.output);
    LayerSummary row = {layer.name, layer.kind, output, cost.parameters, cost.macs};
    AddFormulas(one.graph, one.layers[i], &row);
    AddField(views, one.layers[i], &row);
    summary.formula_parameters += row.formula_parameters;
    summary.formula_operations += row.formula_operations;
    summary.output_bytes += output.bytes();
    summary.layers.push_back(std::move(row));
  }
  summary.has_loss = !network.losses.empty();
  summary.training = CostOf(one.graph, 0, one.graph.size(), all);
  summary.inference = CostOf(inference.graph, 0, inference.graph.size(), NeededBy(inference.graph, inference.outputs));
  return summary;
}

absl::StatusOr<MemoryNeed> TrainingMemory(const LoadedModel& model, const SummaryOptions& options) {
  Training training;
  training.set_batch_size(options.batch);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  LearnerOptions learner;
  learner.input_dims = options.input_dims;
  std::vector<LossScale> losses;
  GRADUS_ASSIGN_OR_RETURN(Program program, BuildTrainingProgram(model, training, learner, &losses));
  return PlannedMemory(std::move(program));
}

absl::StatusOr<MemoryNeed> InferenceMemory(const LoadedModel& model, const SummaryOptions& options) {
  GRADUS_ASSIGN_OR_RETURN(Network network, LowerFor(model.model, Mode::kInfer, options.batch, options));
  return PlannedMemory(BuildForward(std::move(network)));
}

}  // namespace gradus
