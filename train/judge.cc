#include "train/judge.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

// Whether larger values of the metric that `field` names are better.
absl::StatusOr<bool> LargerIsBetter(const TrainingFile& file, const Evaluator& evaluator, const std::string& metric,
                                    const std::string& field) {
  const absl::StatusOr<bool> larger = evaluator.LargerIsBetter(metric);
  if (larger.ok()) return larger;
  return ErrorAt(file.source.Lookup(field), absl::StrCat(field, ": ", larger.status().message()));
}

}  // namespace

absl::StatusOr<Judge> Judge::Make(const TrainingFile& file, const Evaluator& evaluator) {
  const CheckpointOptions& checkpoint = file.training.checkpoint();
  const EarlyStop& early_stop = file.training.early_stop();
  Judge judge;
  judge.best_.metric = checkpoint.has_best_metric() ? checkpoint.best_metric() : evaluator.DefaultMetric();
  GRADUS_ASSIGN_OR_RETURN(judge.best_.larger_is_better,
                          LargerIsBetter(file, evaluator, judge.best_.metric, "checkpoint.best_metric"));
  if (checkpoint.has_larger_is_better()) judge.best_.larger_is_better = checkpoint.larger_is_better();
  if (file.training.has_stop_when()) {
    judge.stop_when_ = file.training.stop_when();
    if (!judge.stop_when_.has_metric()) judge.stop_when_.set_metric(judge.best_.metric);
    GRADUS_RETURN_IF_ERROR(LargerIsBetter(file, evaluator, judge.stop_when_.metric(), "stop_when.metric").status());
  }
  judge.stop_ = judge.best_;
  if (!file.training.has_early_stop()) return judge;
  judge.patience_ = early_stop.patience();
  judge.stop_.min_delta = early_stop.min_delta();
  if (!early_stop.has_metric() || early_stop.metric() == judge.best_.metric) return judge;
  judge.stop_.metric = early_stop.metric();
  GRADUS_ASSIGN_OR_RETURN(judge.stop_.larger_is_better,
                          LargerIsBetter(file, evaluator, judge.stop_.metric, "early_stop.metric"));
  return judge;
}

double Judge::Rule::Value(const std::vector<std::pair<std::string, double>>& results) const {
  for (const auto& [name, value] : results) {
    if (name == metric) return value;
  }
  return std::nan("");
}

bool Judge::Rule::Better(double value, double than) const {
  return larger_is_better ? value > than + min_delta : value < than - min_delta;
}

void Judge::Add(int64_t step, const std::vector<std::pair<std::string, double>>& results,
                CheckpointState* history) const {
  const double value = best_.Value(results);
  if (std::isfinite(value) && (!history->has_best() || best_.Better(value, history->best().value()))) {
    history->mutable_best()->set_metric(best_.metric);
    history->mutable_best()->set_value(value);
    history->mutable_best()->set_step(step);
  }
  if (patience_ == 0) return;
  EarlyStopState* stop = history->mutable_early_stop();
  const double judged = stop_.Value(results);
  stop->set_metric(stop_.metric);
  if (std::isfinite(judged) && (!stop->has_best_value() || stop_.Better(judged, stop->best_value()))) {
    stop->set_best_value(judged);
    stop->set_evaluations_since(0);
  } else {
    stop->set_evaluations_since(stop->evaluations_since() + 1);
  }
}

std::string Judge::StopReason(const CheckpointState& history) const {
  if (const int64_t since = history.early_stop().evaluations_since(); patience_ > 0 && since >= patience_) {
    return absl::StrCat(stop_.metric, " has not improved for ", since, since == 1 ? " evaluation" : " evaluations");
  }
  if (!stop_when_.has_metric() || history.evaluation().empty()) return "";
  for (const MetricValue& metric : history.evaluation(history.evaluation_size() - 1).metric()) {
    if (metric.name() != stop_when_.metric()) continue;
    const double value = metric.value();
    if (stop_when_.has_at_least() && value >= stop_when_.at_least()) {
      return absl::StrCat(metric.name(), " is ", value, ", at least ", stop_when_.at_least());
    }
    if (stop_when_.has_at_most() && value <= stop_when_.at_most()) {
      return absl::StrCat(metric.name(), " is ", value, ", at most ", stop_when_.at_most());
    }
  }
  return "";
}

void Judge::DropOthers(CheckpointState* history) const {
  if (history->has_best() && history->best().metric() != best_.metric) history->clear_best();
  const bool other_stop = history->early_stop().metric() != stop_.metric;
  if (patience_ == 0 || other_stop) history->clear_early_stop();
}

}  // namespace gradus
