#include "examples/descent.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/status_macros.h"
#include "train/schedule.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Descent>> Descent::Create(absl::string_view run, const std::string& run_name,
                                                         absl::string_view model, const std::string& path) {
  std::unique_ptr<Descent> descent(new Descent);
  // Trainings name their data; a function has none, and nothing is read.
  GRADUS_ASSIGN_OR_RETURN(descent->file_,
                          LoadTrainingText(run, run_name, model, path, {"train_data={synthetic_digits {}}"}));
  const Model& expanded = descent->file_.model.model.model();
  if (expanded.input_size() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the model has an input '", expanded.input(0).name(),
                                                   "'; a function of two variables is made of `variable`s alone"));
  }
  descent->file_.training.set_batch_size(1);
  descent->file_.training.set_threads(1);
  LearnerOptions options;
  options.training_source = descent->file_.source;
  GRADUS_ASSIGN_OR_RETURN(descent->learner_, Learner::Create(descent->file_.model, descent->file_.training, options));
  GRADUS_RETURN_IF_ERROR(descent->FindCoordinates());
  return descent;
}

absl::Status Descent::FindCoordinates() {
  const VariableStore& store = learner_->variables();
  int64_t elements = 0;
  std::vector<std::string> parameters;
  for (int i = 0; i < store.size(); ++i) {
    const Variable& variable = store.variable(i);
    if (variable.role != Role::kParameter) continue;
    parameters.push_back(absl::StrCat(variable.name, " ", variable.type.ToString()));
    const int64_t own = variable.type.shape.num_elements();
    for (int64_t k = 0; k < own && elements + k < 2; ++k) {
      coordinates_[elements + k] = {i, k};
      names_[elements + k] = own == 1 ? variable.name : absl::StrCat(variable.name, "[", k, "]");
    }
    elements += own;
  }
  if (elements == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(file_.model.path, ": a function of two variables has parameters of two ",
                   "elements in all; this model has ", elements, " (", absl::StrJoin(parameters, ", "), ")"));
}

std::string Descent::Label() const {
  const Training& training = file_.training;
  const std::string optimizer = absl::StrReplaceAll(training.optimizer().ShortDebugString(), {{" { }", ""}});
  return absl::StrCat(optimizer.empty() ? "sgd" : optimizer, ", rate ", training.learning_rate());
}

absl::StatusOr<Point> Descent::Get() {
  std::array<double, 2> numbers;
  for (size_t i = 0; i < numbers.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(const Tensor value, learner_->variables().Get(coordinates_[i].first));
    numbers[i] = value.values<float>()[coordinates_[i].second];
  }
  return Point{numbers[0], numbers[1]};
}

absl::Status Descent::Set(Point point) {
  const std::array<double, 2> numbers = {point.x, point.y};
  for (size_t i = 0; i < numbers.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(Tensor value, learner_->variables().Get(coordinates_[i].first));
    value.values<float>()[coordinates_[i].second] = static_cast<float>(numbers[i]);
    GRADUS_RETURN_IF_ERROR(learner_->variables().Set(coordinates_[i].first, value));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Descent::ValueAt(Point point) {
  GRADUS_RETURN_IF_ERROR(Set(point));
  const absl::StatusOr<StepResult> result = learner_->Step({}, /*learning_rate=*/0);
  if (absl::IsOutOfRange(result.status())) return NAN;
  GRADUS_RETURN_IF_ERROR(result.status());
  return result->loss;
}

absl::StatusOr<Grid> Descent::ValuesOver(Range x, Range y, int columns, int rows) {
  Grid grid = {x, y, columns, rows, std::vector<double>(static_cast<size_t>(columns) * rows)};
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      GRADUS_ASSIGN_OR_RETURN(grid.at(column, row), ValueAt(grid.place(column, row)));
    }
  }
  return grid;
}

absl::StatusOr<Trajectory> Descent::Run(int64_t steps, Range x, Range y) {
  Trajectory trajectory;
  const double width = std::max(x.high - x.low, y.high - y.low);
  const Point middle = {x.low + (x.high - x.low) / 2, y.low + (y.high - y.low) / 2};
  const ScheduleSpan span = {steps, 0};
  const Training& training = file_.training;
  GRADUS_RETURN_IF_ERROR(CheckSchedule(training.schedule(), span));
  for (int64_t step = 0;; ++step) {
    GRADUS_ASSIGN_OR_RETURN(const Point point, Get());
    const bool last = step == steps;
    // The last one only gives the value where the descent ended.
    const double rate = last ? 0 : LearningRate(training.schedule(), span, training.learning_rate(), step);
    const absl::StatusOr<StepResult> result = learner_->Step({}, rate);
    trajectory.points.push_back(point);
    if (!result.ok() && !absl::IsOutOfRange(result.status())) return result.status();
    trajectory.values.push_back(result.ok() ? result->loss : NAN);
    if (!result.ok() || !(std::hypot(point.x - middle.x, point.y - middle.y) < 1000 * width)) {
      trajectory.diverged = step;
      return trajectory;
    }
    if (last) return trajectory;
  }
}

}  // namespace gradus
