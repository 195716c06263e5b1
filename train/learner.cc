#include "train/learner.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/lower.h"

namespace gradus {
namespace {

// The member of the oneof or the extension that says which optimiser; plain SGD when none is given.
const google::protobuf::Message& ChosenOptimizer(const Optimizer& optimizer) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  optimizer.GetReflection()->ListFields(optimizer, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated()) {
      return optimizer.GetReflection()->GetMessage(optimizer, field);
    }
  }
  return Optimizer::Sgd::default_instance();
}

}  // namespace

absl::StatusOr<Program> BuildTrainingProgram(const LoadedModel& model, const Training& training,
                                             const LearnerOptions& learner, std::vector<LossScale>* losses) {
  LowerOptions lower;
  lower.mode = Mode::kTrain;
  lower.batch = training.batch_size();
  lower.input_dims = learner.input_dims;
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
  *losses = LossScales(network);
  TrainingOptions options;
  options.optimizer = &ChosenOptimizer(training.optimizer());
  options.accumulate = training.accumulate();
  options.clip_norm = training.clip_norm();
  options.settings = [&](const std::vector<std::string>& parameters) {
    ParamSettings defaults;
    defaults.weight_decay = training.weight_decay();
    defaults.weight_decay_l1 = training.weight_decay_l1();
    return ResolveParamSettings(parameters, {model.written.param_group(), model.source},
                                {training.param_group(), learner.training_source}, defaults);
  };
  return BuildTraining(std::move(network), options);
}

absl::StatusOr<std::unique_ptr<Learner>> Learner::Create(const LoadedModel& model, const Training& training,
                                                         const LearnerOptions& options) {
  std::unique_ptr<Learner> learner(new Learner);
  GRADUS_ASSIGN_OR_RETURN(Program program, BuildTrainingProgram(model, training, options, &learner->losses_));
  learner->variables_ = std::make_shared<VariableStore>(training.seed());
  SessionOptions session;
  session.threads = training.threads();
  session.memory_budget = training.memory_budget();
  session.memory_reserve = options.memory_reserve;
  session.recompute = options.recompute;
  session.debug_arena = options.debug_arena;
  session.passes = options.passes;
  session.kernel_choices = options.kernel_choices;
  session.inference_choices = options.inference_choices;
  session.tuning = options.tuning;
  learner->session_ = std::make_unique<Session>(learner->variables_, std::move(session));
  learner->session_->state().seed = training.seed();
  GRADUS_ASSIGN_OR_RETURN(learner->plan_, learner->session_->Compile(std::move(program)));
  learner->accumulate_ = training.accumulate();
  learner->learning_rate_ = Tensor(TensorType{DType::kFloat32, {}});
  return learner;
}

absl::StatusOr<StepResult> Learner::Step(absl::Span<const InputFeed> feeds, double learning_rate) {
  RunState& state = session_->state();
  learning_rate_.values<float>()[0] = static_cast<float>(learning_rate);
  GRADUS_RETURN_IF_ERROR(FeedAll(session_.get(), plan_, feeds));
  GRADUS_RETURN_IF_ERROR(session_->Feed(plan_, kLearningRate, learning_rate_));
  GRADUS_RETURN_IF_ERROR(session_->Run(plan_, Stage::kCompute));

  double loss = 0;
  for (const LossScale& term : losses_) {
    GRADUS_ASSIGN_OR_RETURN(float sum, session_->FetchScalar(plan_, term.name));
    loss += term.factor * sum;
  }
  GRADUS_ASSIGN_OR_RETURN(float squared_norm, session_->FetchScalar(plan_, kSquaredNorm));
  if (!std::isfinite(loss) || !std::isfinite(squared_norm)) return Explain(feeds, loss, squared_norm);

  GRADUS_RETURN_IF_ERROR(session_->Run(plan_, Stage::kCommit));
  if (state.micro_step == 0) loss_sum_ = 0;
  loss_sum_ += loss;
  ++state.micro_step;
  StepResult result;
  result.loss = loss_sum_ / static_cast<double>(state.micro_step);
  if (state.micro_step < accumulate_) return result;

  GRADUS_RETURN_IF_ERROR(session_->Run(plan_, Stage::kUpdate));
  if (accumulate_ > 1) {
    GRADUS_ASSIGN_OR_RETURN(squared_norm, session_->FetchScalar(plan_, kTotalSquaredNorm));
  }
  result.updated = true;
  result.gradient_norm = std::sqrt(squared_norm) / static_cast<double>(accumulate_);
  state.micro_step = 0;
  ++state.step;
  return result;
}

absl::StatusOr<Tensor> Learner::Value(absl::string_view variable) {
  const int index = variables_->Find(variable);
  if (index >= 0) return variables_->Get(index);
  std::vector<std::string> names;
  for (int i = 0; i < variables_->size(); ++i) names.push_back(variables_->variable(i).name);
  return absl::NotFoundError(absl::StrCat("the model has no variable '", variable, "'", Suggestion(variable, names)));
}

// Runs the batch again, looking at every value.
absl::Status Learner::Explain(absl::Span<const InputFeed> feeds, double loss, double squared_norm) {
  const std::string what = std::isfinite(loss) ? absl::StrCat("the squared norm of the gradient is ", squared_norm)
                                               : absl::StrCat("the loss is ", loss);
  GRADUS_RETURN_IF_ERROR(FeedAll(session_.get(), plan_, feeds));
  GRADUS_RETURN_IF_ERROR(session_->Feed(plan_, kLearningRate, learning_rate_));
  const absl::Status found = session_->RunCheckingNumerics(plan_);
  return absl::OutOfRangeError(
      absl::StrCat("at step ", step(), " ", what, "; ",
                   found.ok() ? "every single value is finite, only their sum is not" : std::string(found.message()),
                   ". No variable was changed. A lower learning_rate, clip_norm or a check of the data may help"));
}

}  // namespace gradus
