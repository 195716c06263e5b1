#include "train/evaluator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/lower.h"
#include "graph/program.h"

namespace gradus {
namespace {

// The sum of what was added.
class SumAccumulator : public MetricAccumulator {
 public:
  void Add(absl::Span<const float> values, absl::Span<const float> weights) override {
    for (size_t i = 0; i < values.size(); ++i) {
      if (weights[i] != 0) sum_ += static_cast<double>(values[i]) * weights[i];
    }
  }
  double Result() const override { return sum_; }

 private:
  double sum_ = 0;
};

std::unique_ptr<MetricAccumulator> MakeSum() { return std::make_unique<SumAccumulator>(); }
std::unique_ptr<MetricAccumulator> MakeMean() { return std::make_unique<MeanAccumulator>(); }

}  // namespace

absl::StatusOr<std::unique_ptr<Evaluator>> Evaluator::Create(const ExpandedModel& model, Session* session,
                                                             int64_t batch,
                                                             absl::flat_hash_map<std::string, Shape> input_dims) {
  LowerOptions lower;
  lower.mode = Mode::kEvaluate;
  lower.batch = batch;
  lower.input_dims = std::move(input_dims);
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model, lower));
  std::unique_ptr<Evaluator> evaluator(new Evaluator);
  evaluator->session_ = session;
  evaluator->batch_ = batch;
  for (const LossTerm& loss : network.losses) {
    const bool sums = loss.reduction == Loss::SUM || loss.reduction == Loss::EXAMPLE_MEAN;
    const std::string fetch = absl::StrCat("loss/", loss.name);
    evaluator->losses_.push_back({loss.name, fetch, loss.weight, loss.reduction == Loss::SUM ? MakeSum : MakeMean,
                                  false, sums, loss.mask.valid() ? absl::StrCat(fetch, "/mask") : ""});
  }
  for (const MetricTerm& metric : network.metrics) {
    const std::string fetch = absl::StrCat("metric/", metric.name);
    evaluator->metrics_.push_back({metric.name, fetch, 1, metric.entry->accumulator, metric.entry->larger_is_better,
                                   false, metric.mask.valid() ? absl::StrCat(fetch, "/mask") : ""});
  }
  for (const NamedValue& output : network.outputs) evaluator->outputs_.push_back(output.name);
  GRADUS_ASSIGN_OR_RETURN(evaluator->plan_, session->Compile(BuildForward(std::move(network))));
  evaluator->per_example_.resize(batch);
  evaluator->per_example_mask_.resize(batch);
  evaluator->weights_.resize(batch);
  for (Term& term : evaluator->losses_) term.accumulator = term.make();
  for (Term& term : evaluator->metrics_) term.accumulator = term.make();
  return evaluator;
}

absl::Status Evaluator::Start() {
  for (Term& term : losses_) term.accumulator = term.make();
  for (Term& term : metrics_) term.accumulator = term.make();
  return plan_->ForgetCarried();
}

absl::Status Evaluator::Add(absl::Span<const InputFeed> feeds, const Tensor& weights) {
  if (weights.type() != TensorType{DType::kFloat32, {batch_}}) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weights are ", weights.type().ToString(), "; expected f32[", batch_, "]"));
  }
  GRADUS_RETURN_IF_ERROR(FeedAll(session_, plan_, feeds));
  GRADUS_RETURN_IF_ERROR(session_->Run(plan_, Stage::kCompute));
  for (Term& term : losses_) GRADUS_RETURN_IF_ERROR(AddTerm(&term, weights.values<float>()));
  for (Term& term : metrics_) GRADUS_RETURN_IF_ERROR(AddTerm(&term, weights.values<float>()));
  return session_->Run(plan_, Stage::kCommit);
}

// The mean (or sum) of each example's part of the values. A scalar's mean counts for every example of the batch; of its
// sum each has its share.
absl::Status Evaluator::FetchExamples(const std::string& fetch, bool sums, std::vector<float>* examples) {
  TensorType type;
  const auto* values = static_cast<const float*>(plan_->FetchAddress(fetch, &type));
  const int64_t elements = type.shape.num_elements();
  const int64_t each = elements >= batch_ && elements % batch_ == 0 ? elements / batch_ : 0;
  const double divisor = each > 0 ? (sums ? 1 : static_cast<double>(each))
                                  : static_cast<double>(std::max<int64_t>(1, sums ? batch_ : elements));
  for (int64_t n = 0; n < batch_; ++n) {
    double sum = 0;
    const int64_t begin = n * each, end = each > 0 ? begin + each : elements;
    for (int64_t i = begin; i < end; ++i) sum += values[i];
    (*examples)[n] = static_cast<float>(sum / divisor);
  }
  return absl::OkStatus();
}

// With a mask an example counts by its part of the mask: values are already multiplied by it.
absl::Status Evaluator::AddTerm(Term* term, absl::Span<const float> weights) {
  GRADUS_RETURN_IF_ERROR(FetchExamples(term->fetch, term->sums, &per_example_));
  if (term->mask_fetch.empty()) {
    term->accumulator->Add(per_example_, weights);
    return absl::OkStatus();
  }
  GRADUS_RETURN_IF_ERROR(FetchExamples(term->mask_fetch, /*sums=*/false, &per_example_mask_));
  for (int64_t n = 0; n < batch_; ++n) {
    weights_[n] = weights[n] * per_example_mask_[n];
    if (per_example_mask_[n] != 0) per_example_[n] /= per_example_mask_[n];
  }
  term->accumulator->Add(per_example_, weights_);
  return absl::OkStatus();
}

std::vector<std::pair<std::string, double>> Evaluator::Results() const {
  std::vector<std::pair<std::string, double>> results;
  if (!losses_.empty()) {
    double total = 0;
    for (const Term& term : losses_) total += term.weight * term.accumulator->Result();
    results.emplace_back("loss", total);
  }
  if (losses_.size() > 1) {
    for (const Term& term : losses_) results.emplace_back(absl::StrCat("loss_", term.name), term.accumulator->Result());
  }
  for (const Term& term : metrics_) results.emplace_back(term.name, term.accumulator->Result());
  return results;
}

absl::StatusOr<bool> Evaluator::LargerIsBetter(absl::string_view metric) const {
  std::vector<std::string> known;
  for (const auto& [name, value] : Results()) {
    known.push_back(name);
    if (name != metric) continue;
    for (const Term& term : metrics_) {
      if (term.name == metric) return term.larger_is_better;
    }
    return false;
  }
  return absl::NotFoundError(absl::StrCat("the model has no metric '", metric, "'", Suggestion(metric, known)));
}

}  // namespace gradus
