#include "examples/model_summary.h"

#include <memory>
#include <utility>

#include "core/status_macros.h"
#include "graph/lower.h"
#include "graph/op.h"
#include "graph/passes.h"
#include "graph/program.h"
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
  GRADUS_ASSIGN_OR_RETURN(const Network one, LowerFor(model, Mode::kTrain, 1, options));
  GRADUS_ASSIGN_OR_RETURN(const Network inference, LowerFor(model, Mode::kInfer, 1, options));
  const std::vector<bool> all(one.graph.size(), true);
  ModelSummary summary;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const LoweredLayer& layer = network.layers[i];
    const NetworkCost cost = CostOf(one.graph, one.layers[i].first_node, one.layers[i].last_node, all);
    const TensorType& output = network.graph.type(layer.output);
    summary.layers.push_back({layer.name, layer.kind, output, cost.parameters, cost.macs});
    summary.output_bytes += output.bytes();
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
