#include "graph/training.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/optimizer.h"
#include "graph/step_ops.h"

namespace gradus {
namespace {

struct Trained {
  Value parameter, gradient;
  ParamSettings settings;
};

class TrainingBuilder {
 public:
  TrainingBuilder(Network network, const TrainingOptions& options) : network_(std::move(network)), options_(options) {}

  absl::StatusOr<Program> Build() {
    if (options_.accumulate <= 0) {
      return absl::InvalidArgumentError(absl::StrCat("accumulate is ", options_.accumulate, "; it must be above 0"));
    }
    if (!(options_.clip_norm >= 0)) {
      return absl::InvalidArgumentError(absl::StrCat("clip_norm is ", options_.clip_norm, "; it must be at least 0"));
    }
    GRADUS_RETURN_IF_ERROR(FindParameters());
    GRADUS_RETURN_IF_ERROR(Differentiate());
    GRADUS_RETURN_IF_ERROR(AddLossSums());
    GRADUS_ASSIGN_OR_RETURN(Value norm, AddNorm(Stage::kCompute, "gradus/squared_norm"));
    fetches_.push_back({kSquaredNorm, norm});
    for (const Trained& t : trained_) program_.gradients.emplace_back(t.gradient, t.parameter);
    if (options_.accumulate > 1) {
      GRADUS_RETURN_IF_ERROR(Accumulate());
      GRADUS_ASSIGN_OR_RETURN(norm, AddNorm(Stage::kUpdate, "gradus/total_squared_norm"));
      fetches_.push_back({kTotalSquaredNorm, norm});
    }
    GRADUS_RETURN_IF_ERROR(AddUpdates(norm));
    program_.graph = std::move(network_.graph);
    program_.fetches = std::move(fetches_);
    return std::move(program_);
  }

 private:
  Graph& graph() { return network_.graph; }

  absl::StatusOr<Value> Add(Stage stage, absl::string_view op, std::string name, std::vector<Value> inputs,
                            Attrs attrs = {}) {
    return graph().Add({op, std::move(name), std::move(inputs), std::move(attrs), {}, stage, -1});
  }

  absl::Status FindParameters() {
    std::vector<std::string> names;
    std::vector<Value> reads;
    for (size_t i = 0; i < graph().variables().size(); ++i) {
      if (graph().variables()[i].role != Role::kParameter) continue;
      names.push_back(graph().variables()[i].name);
      reads.push_back(graph().ReadOf(static_cast<int>(i)));
    }
    std::vector<ParamSettings> settings(names.size());
    if (options_.settings) {
      GRADUS_ASSIGN_OR_RETURN(settings, options_.settings(names));
    }
    for (size_t i = 0; i < names.size(); ++i) {
      if (!settings[i].freeze) trained_.push_back({reads[i], Value{}, settings[i]});
    }
    if (network_.losses.empty()) {
      return absl::InvalidArgumentError("the model has no loss that runs in training; add `loss { ... }` to train it");
    }
    if (trained_.empty()) {
      return absl::InvalidArgumentError("the model has no parameter to train (all are frozen, or no layer has any)");
    }
    return absl::OkStatus();
  }

  // The gradient of a mean needs no division in the graph: it starts from weight / divisor.
  absl::Status Differentiate() {
    std::vector<Value> ys, dys, wrt;
    const std::vector<LossScale> scales = LossScales(network_);
    for (size_t i = 0; i < network_.losses.size(); ++i) {
      const LossTerm& loss = network_.losses[i];
      GRADUS_ASSIGN_OR_RETURN(Value seed, Add(Stage::kCompute, "Fill", absl::StrCat(loss.name, "/seed"), {},
                                              FillAttrs{graph().type(loss.values), scales[i].factor}));
      ys.push_back(loss.values);
      dys.push_back(seed);
    }
    for (const Trained& t : trained_) wrt.push_back(t.parameter);
    GRADUS_ASSIGN_OR_RETURN(std::vector<Value> gradients, AddGradients(&graph(), ys, dys, wrt, options_.gradient));
    std::vector<std::string> unreached;
    for (size_t i = 0; i < trained_.size(); ++i) {
      trained_[i].gradient = gradients[i];
      if (gradients[i].valid()) continue;
      const Node& node = graph().node(trained_[i].parameter);
      unreached.push_back(absl::StrCat(node.where.ToString(), ": no loss depends on parameter '", node.name,
                                       "': give its layer a path to a loss, or freeze it with param_group { match: \"",
                                       node.name, "\" freeze: true }"));
    }
    if (!unreached.empty()) return absl::InvalidArgumentError(absl::StrJoin(unreached, "\n"));
    return absl::OkStatus();
  }

  absl::Status AddLossSums() {
    for (const LossTerm& loss : network_.losses) {
      Value sum = loss.values;
      if (graph().type(sum).shape.rank() > 0) {
        GRADUS_ASSIGN_OR_RETURN(sum,
                                Add(Stage::kCompute, "SumTo", absl::StrCat(loss.name, "/sum"), {sum}, ShapeAttrs()));
      }
      fetches_.push_back({absl::StrCat("loss/", loss.name), sum});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Value> AddNorm(Stage stage, std::string name) {
    std::vector<Value> gradients;
    for (const Trained& t : trained_) gradients.push_back(t.gradient);
    return Add(stage, "SquaredNorm", std::move(name), std::move(gradients));
  }

  absl::Status Accumulate() {
    for (Trained& t : trained_) {
      const std::string name = absl::StrCat(graph().node(t.parameter).name, "/gradient_sum");
      Variable variable;
      variable.name = name;
      variable.type = graph().type(t.parameter);
      variable.role = Role::kAccumulator;
      GRADUS_ASSIGN_OR_RETURN(Value sum, graph().AddVariable(std::move(variable)));
      GRADUS_ASSIGN_OR_RETURN(Value next,
                              Add(Stage::kCommit, "Accumulate", absl::StrCat(name, "/add"), {sum, t.gradient}));
      GRADUS_RETURN_IF_ERROR(graph().Assign(sum, next, Stage::kCommit));
      t.gradient = next;
    }
    return absl::OkStatus();
  }

  absl::Status AddUpdates(Value norm) {
    const std::string name = options_.optimizer->GetDescriptor()->full_name();
    const OptimizerEntry* optimizer = Registry<OptimizerEntry>::Get().Find(name);
    if (optimizer == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("no optimizer is registered for message '", name, "'",
                                                     Suggestion(name, Registry<OptimizerEntry>::Get().Names()),
                                                     "; is its library linked into this program?"));
    }
    GRADUS_ASSIGN_OR_RETURN(Value rate, Add(Stage::kCompute, "Input", kLearningRate, {}, InputAttrs()));  // f32[]
    GRADUS_ASSIGN_OR_RETURN(Value scale,
                            Add(Stage::kUpdate, "ClipScale", "gradus/gradient_scale", {norm},
                                ClipScaleAttrs{static_cast<double>(options_.accumulate), options_.clip_norm}));
    for (const Trained& t : trained_) {
      GRADUS_ASSIGN_OR_RETURN(Value updated, optimizer->add({&graph(), *options_.optimizer, t.parameter, t.gradient,
                                                             rate, scale, t.settings.learning_rate_scale,
                                                             t.settings.weight_decay, t.settings.weight_decay_l1}));
      if (t.settings.constrained()) {
        GRADUS_ASSIGN_OR_RETURN(updated, Constrain(t, updated, rate));
      }
      GRADUS_RETURN_IF_ERROR(graph().Assign(t.parameter, updated, Stage::kUpdate));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Value> Constrain(const Trained& trained, Value updated, Value rate) {
    const ParamSettings& s = trained.settings;
    return Add(Stage::kUpdate, "Constrain", absl::StrCat(graph().node(trained.parameter).name, "/constrained"),
               {updated, rate},
               ConstrainAttrs{s.learning_rate_scale * s.proximal_l1, s.keep_largest, s.prune_below, s.max_norm});
  }

  Network network_;
  const TrainingOptions& options_;
  Program program_;
  std::vector<NamedValue> fetches_;
  std::vector<Trained> trained_;
};

}  // namespace

absl::StatusOr<Program> BuildTraining(Network network, const TrainingOptions& options) {
  return TrainingBuilder(std::move(network), options).Build();
}

std::vector<LossScale> LossScales(const Network& network) {
  std::vector<LossScale> scales;
  for (const LossTerm& loss : network.losses) {
    const Shape& shape = network.graph.type(loss.values).shape;
    double divisor = 1;
    if (loss.reduction == Loss::MEAN || loss.reduction == Loss::MASKED_MEAN) {
      divisor = static_cast<double>(std::max<int64_t>(1, shape.num_elements()));
    } else if (loss.reduction == Loss::EXAMPLE_MEAN && shape.rank() > 0) {
      divisor = static_cast<double>(network.batch);
    }
    scales.push_back({absl::StrCat("loss/", loss.name), loss.weight / divisor, divisor});
  }
  return scales;
}

Program BuildForward(Network network) {
  Program program;
  program.inference = true;
  const auto fetch = [&](const std::string& name, Value values, Value mask) {
    program.fetches.push_back({name, values});
    if (mask.valid()) program.fetches.push_back({absl::StrCat(name, "/mask"), mask});
  };
  for (const LossTerm& loss : network.losses) fetch(absl::StrCat("loss/", loss.name), loss.values, loss.mask);
  for (const MetricTerm& metric : network.metrics) {
    fetch(absl::StrCat("metric/", metric.name), metric.values, metric.mask);
  }
  for (const NamedValue& output : network.outputs) {
    program.fetches.push_back({absl::StrCat("output/", output.name), output.value});
  }
  program.graph = std::move(network.graph);
  return program;
}

}  // namespace gradus
