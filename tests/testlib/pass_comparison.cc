#include "tests/testlib/pass_comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

constexpr int kThreads = 2;
constexpr double kStill = 1e-3;  // of the farthest move: less than that counts as that

struct Batch {
  std::vector<std::pair<std::string, Tensor>> columns;
  std::vector<InputFeed> feeds() const {
    std::vector<InputFeed> feeds;
    for (const auto& [name, value] : columns) feeds.push_back({name, &value});
    return feeds;
  }
};

absl::StatusOr<Batch> MakeBatch(const Model& model, const PassSetting& setting, int64_t index) {
  Batch batch;
  for (const Input& input : model.input()) {
    Dims dims = {setting.training.batch_size()};
    const auto given = setting.input_dims.find(input.name());
    if (given != setting.input_dims.end()) {
      dims.insert(dims.end(), given->second.dims().begin(), given->second.dims().end());
    } else {
      dims.insert(dims.end(), input.dims().begin(), input.dims().end());
    }
    GRADUS_ASSIGN_OR_RETURN(const Shape shape, Shape::Make(dims));
    RandomSequence random(3, input.name(), static_cast<uint64_t>(index));
    const bool whole = input.dtype() == Input::INT32;
    Tensor value(TensorType{whole ? DType::kInt32 : DType::kFloat32, shape});
    if (whole) {
      for (int32_t& x : value.values<int32_t>()) x = static_cast<int32_t>(random.Below(setting.classes));
    } else {
      for (float& x : value.values<float>()) x = static_cast<float>(random.Uniform(-1, 1));
    }
    if (!whole && setting.rounded) {
      for (float& x : value.values<float>()) x = std::nextafter(x, 2.0f);
    }
    batch.columns.emplace_back(input.name(), std::move(value));
  }
  return batch;
}

absl::Status Snapshot(VariableStore* store, std::vector<float> PassRun::History::*when, PassRun* run) {
  size_t next = 0;
  for (int i = 0; i < store->size(); ++i) {
    const Variable& variable = store->variable(i);
    if (variable.role == Role::kDerived || variable.role == Role::kAccumulator) continue;
    GRADUS_ASSIGN_OR_RETURN(const Tensor value, store->Get(i));
    if (next == run->variables.size()) run->variables.emplace_back().name = variable.name;
    PassRun::History& history = run->variables[next++];
    (history.*when).assign(value.values<float>().begin(), value.values<float>().end());
  }
  return absl::OkStatus();
}

absl::Status Infer(Predictor* predictor, const Batch& batch, std::vector<float>* outputs) {
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> values, predictor->Run(batch.feeds()));
  for (const Tensor& value : values) {
    outputs->insert(outputs->end(), value.values<float>().begin(), value.values<float>().end());
  }
  return absl::OkStatus();
}

void CountOperations(const Program& program, PassRun* run) {
  for (const Node& node : program.graph.nodes()) ++run->operations[node.op->name()];
}

// What is no number is as far off as can be.
double Measured(double difference) {
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

double RootMeanSquare(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return a.empty() ? 0 : std::sqrt(sum / static_cast<double>(a.size()));
}

double LargestDifference(absl::Span<const float> a, absl::Span<const float> b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0, difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max<double>(largest, std::fabs(b[i]));
    difference = std::max(difference, Measured(std::fabs(static_cast<double>(a[i]) - b[i])));
  }
  return difference == 0 ? 0 : difference / largest;
}

void CompareUpdates(const PassRun& run, const PassRun& reference, std::vector<float> PassRun::History::*when,
                    double* worst, std::string* name) {
  double farthest = 0;
  for (const PassRun::History& history : reference.variables) {
    farthest = std::max(farthest, RootMeanSquare(history.*when, history.start));
  }
  for (size_t i = 0; i < reference.variables.size(); ++i) {
    GRADUS_CHECK(run.variables[i].name == reference.variables[i].name);
    const PassRun::History& expected = reference.variables[i];
    const double moved = std::max(RootMeanSquare(expected.*when, expected.start), kStill * farthest);
    const double distance = RootMeanSquare(run.variables[i].*when, expected.*when);
    const double difference = distance == 0 ? 0 : Measured(distance / moved);
    if (difference <= *worst) continue;
    *worst = difference;
    *name = expected.name;
  }
}

}  // namespace

absl::StatusOr<PassRun> RunWithout(const std::vector<std::string>& skip, const LoadedModel& model,
                                   const PassSetting& setting) {
  PassRun run;
  PassOptions passes;
  passes.skip = skip;
  passes.explain = [&](const std::string& pass, const PassLog& log) {
    run.done[pass] += static_cast<int>(log.done.size());
  };
  std::unique_ptr<Learner> learner;
  std::shared_ptr<VariableStore> variables = std::make_shared<VariableStore>(setting.training.seed());
  if (model.model.model().loss_size() > 0) {
    Training training = setting.training;
    training.set_threads(kThreads);
    LearnerOptions options;
    options.passes = passes;
    options.input_dims = setting.input_dims;
    GRADUS_ASSIGN_OR_RETURN(learner, Learner::Create(model, training, options));
    variables = learner->shared_variables();
    CountOperations(learner->plan().program(), &run);
  }
  SessionOptions session;
  session.threads = kThreads;
  session.passes = passes;
  GRADUS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Predictor> predictor,
      Predictor::Create(model.model, variables, setting.training.batch_size(), session, setting.input_dims));
  CountOperations(predictor->plan().program(), &run);

  GRADUS_ASSIGN_OR_RETURN(const Batch unseen, MakeBatch(model.model.model(), setting, setting.batches));
  GRADUS_RETURN_IF_ERROR(Infer(predictor.get(), unseen, &run.first_outputs));
  GRADUS_RETURN_IF_ERROR(Snapshot(variables.get(), &PassRun::History::start, &run));
  for (int64_t i = 0; learner != nullptr && i < setting.batches; ++i) {
    GRADUS_ASSIGN_OR_RETURN(const Batch batch, MakeBatch(model.model.model(), setting, i));
    GRADUS_ASSIGN_OR_RETURN(const StepResult result, learner->Step(batch.feeds(), setting.learning_rate));
    run.losses.push_back(static_cast<float>(result.loss));
    if (!result.updated) continue;
    run.gradient_norms.push_back(static_cast<float>(result.gradient_norm));
    if (learner->step() == 1) GRADUS_RETURN_IF_ERROR(Snapshot(variables.get(), &PassRun::History::first, &run));
  }
  if (learner == nullptr) GRADUS_RETURN_IF_ERROR(Snapshot(variables.get(), &PassRun::History::first, &run));
  GRADUS_RETURN_IF_ERROR(Snapshot(variables.get(), &PassRun::History::last, &run));
  GRADUS_RETURN_IF_ERROR(Infer(predictor.get(), unseen, &run.last_outputs));
  return run;
}

PassDifference Compare(const PassRun& run, const PassRun& reference) {
  PassDifference difference;
  difference.losses = LargestDifference(run.losses, reference.losses);
  difference.gradient_norms = LargestDifference(run.gradient_norms, reference.gradient_norms);
  difference.first_outputs = LargestDifference(run.first_outputs, reference.first_outputs);
  difference.last_outputs = LargestDifference(run.last_outputs, reference.last_outputs);
  CompareUpdates(run, reference, &PassRun::History::first, &difference.first_update, &difference.first_variable);
  CompareUpdates(run, reference, &PassRun::History::last, &difference.last_update, &difference.last_variable);
  return difference;
}

void PassDifference::Include(const PassDifference& other) {
  losses = std::max(losses, other.losses);
  gradient_norms = std::max(gradient_norms, other.gradient_norms);
  first_outputs = std::max(first_outputs, other.first_outputs);
  last_outputs = std::max(last_outputs, other.last_outputs);
  if (other.first_update > first_update) {
    first_update = other.first_update;
    first_variable = other.first_variable;
  }
  if (other.last_update > last_update) {
    last_update = other.last_update;
    last_variable = other.last_variable;
  }
}

std::string PassDifference::ToString() const {
  return absl::StrFormat(
      "losses %.1e, gradient norms %.1e, outputs %.1e, then %.1e, first update %.1e (%s), all updates %.1e (%s)",
      losses, gradient_norms, first_outputs, last_outputs, first_update, first_variable, last_update, last_variable);
}

}  // namespace gradus
