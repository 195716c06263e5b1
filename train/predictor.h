// Inference: the model pruned to its outputs. Several predictors, one for each thread, may share one set of variables.
//
//   GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor, Predictor::Create(model, variables, 1));
//   GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor->Run({{"image", &image}}));
#ifndef GRADUS_TRAIN_PREDICTOR_H_
#define GRADUS_TRAIN_PREDICTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/expand.h"
#include "graph/session.h"
#include "train/feed.h"

namespace gradus {

class Predictor {
 public:
  // A plan for `batch` examples at a time. The variables are only read; state that layers carry is the predictor's own,
  // zeros at first. `input_dims`: one example's dimensions of inputs that have free ones.
  static absl::StatusOr<std::unique_ptr<Predictor>> Create(const ExpandedModel& model,
                                                           std::shared_ptr<VariableStore> variables, int64_t batch,
                                                           SessionOptions options = {},
                                                           absl::flat_hash_map<std::string, Shape> input_dims = {});

  // The outputs in the order of outputs(), each with the leading batch dimension.
  absl::StatusOr<std::vector<Tensor>> Run(absl::Span<const InputFeed> feeds);

  // The same without copying the outputs: they stay in the plan until its next run.
  absl::Status RunInPlace(absl::Span<const InputFeed> feeds);

  const std::vector<std::string>& outputs() const { return outputs_; }
  Plan& plan() { return *plan_; }
  Session& session() { return session_; }

 private:
  Predictor(std::shared_ptr<VariableStore> variables, SessionOptions options)
      : session_(std::move(variables), std::move(options)) {}

  Session session_;
  Plan* plan_ = nullptr;
  std::vector<std::string> outputs_;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_PREDICTOR_H_
