// How values of a loss become one number, with masks and without: in training, and over evaluation data whose last
// batch is padded.
#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "train/evaluator.h"
#include "train/learner.h"

namespace gradus {
namespace {

std::string ModelText(const std::string& loss) {
  return absl::StrCat(R"(
input { name: "x" dims: [3] }
input { name: "mask" )",
                      "dtype: INT32 }\ninput { name: 'weights' dims: [3] }\n",
                      R"(
variable { name: "w" dims: [3] init { constant {} } }
layer { name: "y" input: ["x", "w"] binary { function: ADD } }
metric { name: "mean" input: "y" mean {} mask: "weights" }
)",
                      "loss { name: 'l' input: 'y' value {} ", loss, " }");
}

struct Feeds {
  Tensor x, mask, weights;
  std::vector<InputFeed> feeds() const { return {{"x", &x}, {"mask", &mask}, {"weights", &weights}}; }
};

// Two examples of three values.
Feeds MakeFeeds(std::vector<float> x, std::vector<int32_t> mask, std::vector<float> weights) {
  Feeds feeds{Tensor(TensorType{DType::kFloat32, {2, 3}}), Tensor(TensorType{DType::kInt32, {2}}),
              Tensor(TensorType{DType::kFloat32, {2, 3}})};
  std::copy(x.begin(), x.end(), feeds.x.values<float>().begin());
  std::copy(mask.begin(), mask.end(), feeds.mask.values<int32_t>().begin());
  std::copy(weights.begin(), weights.end(), feeds.weights.values<float>().begin());
  return feeds;
}

struct Outcome {
  double loss = 0;               // of a training step
  std::vector<double> gradient;  // by w
  double eval_loss = 0, eval_metric = 0;
};

Outcome Run(const std::string& loss) {
  Training training;
  training.set_batch_size(2);
  training.set_threads(1);
  const absl::StatusOr<LoadedModel> model = LoadModelText(ModelText(loss), "m");
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*model, training, LearnerOptions());
  EXPECT_TRUE(learner.ok()) << learner.status();
  if (!learner.ok()) return {};
  const Feeds first = MakeFeeds({1, 2, 3, 4, 5, 6}, {1, 0}, {1, 0, 0.5, 2, 0, 0});
  // The second example is padding: it must count nowhere.
  const Feeds last = MakeFeeds({7, 8, 9, 1000, 1000, 1000}, {1, 1}, {0, 1, 1, 1, 1, 1});

  auto evaluator = Evaluator::Create(model->model, &(*learner)->session(), 2);
  EXPECT_TRUE(evaluator.ok()) << evaluator.status();
  if (!evaluator.ok()) return {};
  Tensor weights(TensorType{DType::kFloat32, {2}});
  weights.values<float>()[0] = weights.values<float>()[1] = 1;
  EXPECT_TRUE((*evaluator)->Add(first.feeds(), weights).ok());
  weights.values<float>()[1] = 0;
  EXPECT_TRUE((*evaluator)->Add(last.feeds(), weights).ok());
  Outcome outcome;
  for (const auto& [name, value] : (*evaluator)->Results()) {
    (name == "loss" ? outcome.eval_loss : outcome.eval_metric) = value;
  }
  const absl::StatusOr<StepResult> step = (*learner)->Step(first.feeds(), 1);
  EXPECT_TRUE(step.ok()) << step.status();
  if (step.ok()) outcome.loss = step->loss;
  const Tensor w = (*learner)->Value("w").value();
  for (float value : w.values<float>()) outcome.gradient.push_back(-value);
  return outcome;
}

void Expect(const std::string& loss, double in_training, const std::vector<double>& gradient, double in_evaluation) {
  const Outcome outcome = Run(loss);
  EXPECT_NEAR(outcome.loss, in_training, 1e-5) << loss;
  EXPECT_NEAR(outcome.eval_loss, in_evaluation, 1e-5) << loss;
  ASSERT_EQ(outcome.gradient.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(outcome.gradient[i], gradient[i], 1e-6) << loss << " " << i;
  // (1 + 1.5 + 8 + 8 + 9) / (1 + 0.5 + 2 + 2)
  EXPECT_NEAR(outcome.eval_metric, 27.5 / 5.5, 1e-5);
}

TEST(ReductionTest, WithoutMask) {
  Expect("", 3.5, {1.0 / 3, 1.0 / 3, 1.0 / 3}, 45.0 / 9);
  Expect("reduction: SUM", 21, {2, 2, 2}, 45);
  Expect("reduction: EXAMPLE_MEAN", 10.5, {1, 1, 1}, 15);
  Expect("reduction: EXAMPLE_MEAN weight: 0.5", 5.25, {0.5, 0.5, 0.5}, 7.5);
}

TEST(ReductionTest, WithAMaskOfExamples) {
  Expect("mask: 'mask'", 1, {1.0 / 6, 1.0 / 6, 1.0 / 6}, 30.0 / 9);
  Expect("mask: 'mask' reduction: SUM", 6, {1, 1, 1}, 30);
  Expect("mask: 'mask' reduction: EXAMPLE_MEAN", 3, {0.5, 0.5, 0.5}, 10);
  Expect("mask: 'mask' reduction: MASKED_MEAN", 2, {1.0 / 3, 1.0 / 3, 1.0 / 3}, 5);
}

TEST(ReductionTest, WithWeightsOfPositions) {
  Expect("mask: 'weights'", 10.5 / 6, {0.5, 0, 0.5 / 6}, 27.5 / 9);
  Expect("mask: 'weights' reduction: MASKED_MEAN", 3, {3 / 3.5, 0, 0.5 / 3.5}, 5);
}

TEST(ReductionTest, SaysWhatIsWrong) {
  const auto error = [](const std::string& loss) {
    Training training;
    training.set_batch_size(2);
    const absl::StatusOr<LoadedModel> model = LoadModelText(ModelText(loss), "m");
    if (!model.ok()) return std::string(model.status().message());
    const auto learner = Learner::Create(*model, training, LearnerOptions());
    return std::string(learner.status().message());
  };
  EXPECT_EQ(error("reduction: MASKED_MEAN"), "m:9:38: 'l': MASKED_MEAN needs a mask");
  EXPECT_EQ(error("mask: 'masks'"),
            "m:9:38: loss 'l' takes 'masks', which is no input and no layer; did you mean 'mask'?");
  EXPECT_EQ(error("mask: 'w'"),
            "m:9:38: 'l/masked': ApplyMask(f32[2, 3], f32[3]): expected a mask, f32 or i32, of the first axes of the "
            "values f32[2, 3]; got f32[3]");
}

}  // namespace
}  // namespace gradus
