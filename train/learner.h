// One model in training: the compiled step and its variables. The trainer (train/trainer.h) is a loop around it; a
// program of your own may be another:
//
//   GRADUS_ASSIGN_OR_RETURN(LoadedModel model, LoadModel("lenet.textproto"));
//   Training training;
//   training.set_batch_size(64);
//   training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
//   GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Learner> learner, Learner::Create(model, training));
//   for (...) {
//     GRADUS_ASSIGN_OR_RETURN(StepResult result, learner->Step({{"image", &images}, {"label", &labels}}, 0.01));
//   }
//
// Used by one thread at a time.
#ifndef GRADUS_TRAIN_LEARNER_H_
#define GRADUS_TRAIN_LEARNER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/source_map.h"
#include "graph/load_model.h"
#include "graph/session.h"
#include "graph/training.h"
#include "proto/train.pb.h"
#include "train/feed.h"

namespace gradus {

struct LearnerOptions {
  SourceMap training_source;  // places of the training file
  // One example's dimensions of inputs that have free (-1) ones.
  absl::flat_hash_map<std::string, Shape> input_dims;
  int64_t memory_reserve = 0;  // see SessionOptions
  bool recompute = true;       // see PlanOptions
  bool debug_arena = false;
  PassOptions passes;
  // See SessionOptions: of an earlier run that is to be repeated exactly; the second for plans that infer.
  KernelChoices kernel_choices, inference_choices;
  std::shared_ptr<TuningCache> tuning;
};

struct StepResult {
  // Whether this batch was the last of its step: with `accumulate` above 1 only every so many batches update.
  bool updated = false;
  double loss = 0;           // weighted sum of all losses, mean over the step's batches so far
  double gradient_norm = 0;  // global L2 norm of the averaged gradient before clipping; only when updated
};

class Learner {
 public:
  static absl::StatusOr<std::unique_ptr<Learner>> Create(const LoadedModel& model, const Training& training,
                                                         const LearnerOptions& options = {});

  // Trains on one batch: f32 and i32 tensors with training.batch_size() as their leading dimension. A loss or gradient
  // that is not finite is an error that names the first node that gave it; then no variable has changed.
  absl::StatusOr<StepResult> Step(absl::Span<const InputFeed> feeds, double learning_rate);

  // The value of a variable, in plain layout. NotFound, with the nearest name, when there is none.
  absl::StatusOr<Tensor> Value(absl::string_view variable);

  // Updates done so far; to be set when a run is resumed.
  int64_t step() const { return session_->state().step; }
  void set_step(int64_t step) { session_->state().step = step; }

  Session& session() { return *session_; }
  VariableStore& variables() { return *variables_; }
  const std::shared_ptr<VariableStore>& shared_variables() const { return variables_; }
  Plan& plan() { return *plan_; }
  const Plan& plan() const { return *plan_; }

 private:
  Learner() = default;
  absl::Status Explain(absl::Span<const InputFeed> feeds, double loss, double squared_norm);

  std::shared_ptr<VariableStore> variables_;
  std::unique_ptr<Session> session_;
  Plan* plan_ = nullptr;
  std::vector<LossScale> losses_;
  int64_t accumulate_ = 1;
  double loss_sum_ = 0;  // of the step's batches so far
  Tensor learning_rate_;
};

// Builds the training program of a model as Learner does, for those who only want to look at its plan.
absl::StatusOr<Program> BuildTrainingProgram(const LoadedModel& model, const Training& training,
                                             const LearnerOptions& options, std::vector<LossScale>* losses);

}  // namespace gradus

#endif  // GRADUS_TRAIN_LEARNER_H_
