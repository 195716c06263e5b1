// Losses and metrics of a model over a data set, batch by batch; every example counts by its weight.
//
//   GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Evaluator> evaluator, Evaluator::Create(model.model, &session, 100));
//   evaluator->Start();
//   for (...) GRADUS_RETURN_IF_ERROR(evaluator->Add(feeds, batch->weights));
//   evaluator->Results()   // {"loss", 0.03}, {"top1", 0.991}, ...
//
// Borrows the session, which others may use in between. Not thread-safe.
#ifndef GRADUS_TRAIN_EVALUATOR_H_
#define GRADUS_TRAIN_EVALUATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/expand.h"
#include "graph/layer.h"
#include "graph/session.h"
#include "train/feed.h"

namespace gradus {

class Evaluator {
 public:
  // `input_dims`: one example's dimensions of inputs that have free (-1) ones.
  static absl::StatusOr<std::unique_ptr<Evaluator>> Create(const ExpandedModel& model, Session* session, int64_t batch,
                                                           absl::flat_hash_map<std::string, Shape> input_dims = {});

  // Forgets what was added.
  absl::Status Start();

  // Runs one batch. `weights`: f32[batch], 1 for an example and 0 for padding.
  absl::Status Add(absl::Span<const InputFeed> feeds, const Tensor& weights);

  // "loss" (weighted sum of all losses, when there is one), then "loss_<name>" for each if there are several, then each
  // metric by its name.
  std::vector<std::pair<std::string, double>> Results() const;

  // Outputs of the last batch, by the model's `output` names, with its padding.
  absl::StatusOr<Tensor> Output(absl::string_view name) {
    return session_->Fetch(plan_, absl::StrCat("output/", name));
  }
  const std::vector<std::string>& outputs() const { return outputs_; }

  const Plan& plan() const { return *plan_; }

  // Whether a larger value of a metric is better; false for losses. NotFound, with the nearest name, for no metric.
  absl::StatusOr<bool> LargerIsBetter(absl::string_view metric) const;
  // The name by which runs are compared unless the user says otherwise: the first metric, else "loss".
  std::string DefaultMetric() const { return metrics_.empty() ? "loss" : metrics_[0].name; }
  // Whether there is a loss or metric at all.
  bool HasResults() const { return !metrics_.empty() || !losses_.empty(); }

 private:
  struct Term {
    std::string name;  // "top1"
    std::string fetch;
    double weight = 1;
    std::function<std::unique_ptr<MetricAccumulator>()> make;
    bool larger_is_better = false;
    bool sums = false;            // an example counts by the sum of its values, not by their mean
    std::string mask_fetch = "";  // "": none
    std::unique_ptr<MetricAccumulator> accumulator = nullptr;
  };
  absl::Status FetchExamples(const std::string& fetch, bool sums, std::vector<float>* examples);
  absl::Status AddTerm(Term* term, absl::Span<const float> weights);

  Session* session_ = nullptr;
  Plan* plan_ = nullptr;
  int64_t batch_ = 0;
  std::vector<Term> losses_, metrics_;
  std::vector<std::string> outputs_;
  std::vector<float> per_example_, per_example_mask_, weights_;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_EVALUATOR_H_
