// Optimizers over fifty steps against their formulas in float64, and what param_groups do to parameters after updates.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "train/learner.h"

namespace gradus {
namespace {

constexpr int64_t kElements = 6, kBatch = 4;
constexpr int kSteps = 50;

// Half the squared distance to noise: a variable that a layer takes as it is.
constexpr char kModel[] = R"(
input { name: "x" dims: [6] }
variable { name: "w" dims: [6] init { normal { stddev: 1 } } }
layer { name: "d" input: ["x", "w"] binary { function: SUBTRACT } }
layer { name: "square" unary { function: SQUARE } }
loss { name: "half" input: "square" value {} weight: 0.5 reduction: EXAMPLE_MEAN })";

std::unique_ptr<Learner> MakeLearner(const char* model, const std::string& training_text) {
  Training training;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(training_text, &training)) << training_text;
  training.set_threads(1);
  const absl::StatusOr<LoadedModel> loaded = LoadModelText(model, "m");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  if (!loaded.ok()) return nullptr;
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*loaded, training, LearnerOptions());
  EXPECT_TRUE(learner.ok()) << learner.status();
  return learner.ok() ? *std::move(learner) : nullptr;
}

std::vector<double> ValueOf(Learner* learner, const char* variable) {
  const Tensor value = learner->Value(variable).value();
  const auto values = value.values<float>();
  return {values.begin(), values.end()};
}

Tensor Batch(int step) {
  Tensor x(TensorType{DType::kFloat32, {kBatch, kElements}});
  RandomSequence random(3, "batch", step);
  for (float& value : x.values<float>()) value = static_cast<float>(random.Uniform(-1, 2));
  return x;
}

// One element's update: w and the slots, given its gradient (weight decay apart) and the step, from 1.
using Update = std::function<void(double g, int t, double* w, double* slots)>;

void ExpectFormula(const std::string& optimizer, const std::string& decay, double rate, const Update& update) {
  const std::unique_ptr<Learner> learner =
      MakeLearner(kModel, absl::StrCat("batch_size: 4 optimizer { ", optimizer, " } ", decay));
  ASSERT_NE(learner, nullptr);
  std::vector<double> w = ValueOf(learner.get(), "w"), slots(3 * kElements, 0.0);
  for (int t = 1; t <= kSteps; ++t) {
    const Tensor x = Batch(t);
    ASSERT_TRUE(learner->Step({{"x", &x}}, rate).ok());
    for (int64_t i = 0; i < kElements; ++i) {
      double g = 0;
      for (int64_t n = 0; n < kBatch; ++n) g += (w[i] - x.values<float>()[n * kElements + i]) / kBatch;
      update(g, t, &w[i], &slots[3 * i]);
    }
  }
  const std::vector<double> got = ValueOf(learner.get(), "w");
  for (int64_t i = 0; i < kElements; ++i) EXPECT_NEAR(got[i], w[i], 3e-6 * std::max(1.0, std::fabs(w[i]))) << optimizer;
}

TEST(OptimizersTest, AdamAndAdamW) {
  for (bool decoupled : {false, true}) {
    ExpectFormula(decoupled ? "adamw {}" : "adam {}", "weight_decay: 0.1", 0.05,
                  [=](double g, int t, double* w, double* slots) {
                    if (!decoupled) g += 0.1 * *w;
                    const double shrink = decoupled ? 0.05 * 0.1 * *w : 0;
                    slots[0] = 0.9 * slots[0] + 0.1 * g;
                    slots[1] = 0.999 * slots[1] + 0.001 * g * g;
                    const double m = slots[0] / (1 - std::pow(0.9, t)), v = slots[1] / (1 - std::pow(0.999, t));
                    *w -= shrink + 0.05 * m / (std::sqrt(v) + 1e-8);
                  });
  }
}

TEST(OptimizersTest, AdaGrad) {
  ExpectFormula("adagrad {}", "weight_decay: 0.1", 0.1, [](double g, int, double* w, double* slots) {
    g += 0.1 * *w;
    slots[0] += g * g;
    *w -= 0.1 * g / (std::sqrt(slots[0]) + 1e-10);
  });
}

TEST(OptimizersTest, RmsProp) {
  for (bool centered : {false, true}) {
    for (double momentum : {0.0, 0.8}) {
      ExpectFormula(absl::StrCat("rmsprop { decay: 0.9 epsilon: 1e-4 momentum: ", momentum,
                                 centered ? " centered: true }" : " }"),
                    "", 0.01, [=](double g, int, double* w, double* slots) {
                      slots[0] = 0.9 * slots[0] + 0.1 * g * g;
                      slots[1] = 0.9 * slots[1] + 0.1 * g;
                      const double square = slots[0] - (centered ? slots[1] * slots[1] : 0);
                      slots[2] = momentum * slots[2] + g / (std::sqrt(square) + 1e-4);
                      *w -= 0.01 * slots[2];
                    });
    }
  }
}

TEST(OptimizersTest, AdaDelta) {
  ExpectFormula("adadelta {}", "", 1, [](double g, int, double* w, double* slots) {
    slots[0] = 0.9 * slots[0] + 0.1 * g * g;
    const double d = std::sqrt(slots[1] + 1e-6) / std::sqrt(slots[0] + 1e-6) * g;
    slots[1] = 0.9 * slots[1] + 0.1 * d * d;
    *w -= d;
  });
}

// Logistic regression, of which three inputs matter and the others are noise.
constexpr char kRegression[] = R"(
input { name: "x" dims: [20] }
input { name: "label" dtype: INT32 }
layer { name: "logit" dense { units: 1 } }
loss { name: "xent" target: "label" binary_cross_entropy {} })";

std::vector<double> WeightsOf(const std::string& groups) {
  const std::unique_ptr<Learner> learner =
      MakeLearner(kRegression, absl::StrCat("batch_size: 64 optimizer { sgd { momentum: 0.9 } } ", groups));
  if (learner == nullptr) return {};
  for (int step = 0; step < 300; ++step) {
    Tensor x(TensorType{DType::kFloat32, {64, 20}}), label(TensorType{DType::kInt32, {64}});
    RandomSequence random(5, "regression", step);
    for (int n = 0; n < 64; ++n) {
      float* row = x.values<float>().data() + 20 * n;
      for (int i = 0; i < 20; ++i) row[i] = static_cast<float>(random.NextNormal());
      label.values<int32_t>()[n] = 2 * row[0] - 1.5 * row[7] + row[13] > 0;
    }
    EXPECT_TRUE(learner->Step({{"x", &x}, {"label", &label}}, 0.05).ok());
  }
  return ValueOf(learner.get(), "logit/weights");
}

int64_t Zeros(const std::vector<double>& w) { return std::count(w.begin(), w.end(), 0.0); }

void ExpectTheThree(const std::vector<double>& w) {
  ASSERT_EQ(w.size(), 20u);
  for (int i : {0, 7, 13}) EXPECT_NE(w[i], 0) << i;
}

TEST(RegularisersTest, ASubgradientGivesNoZerosAndAProximalStepDoes) {
  EXPECT_EQ(Zeros(WeightsOf("")), 0);
  EXPECT_EQ(Zeros(WeightsOf("weight_decay_l1: 0.05")), 0);
  const std::vector<double> w = WeightsOf("param_group { match: '**/weights' proximal_l1: 0.8 }");
  EXPECT_GE(Zeros(w), 15);
  ExpectTheThree(w);
}

TEST(RegularisersTest, ProjectionsKeepSoManyAndNoSmallOnes) {
  const std::vector<double> largest = WeightsOf("param_group { match: '**/weights' keep_largest: 3 }");
  EXPECT_EQ(Zeros(largest), 17);
  ExpectTheThree(largest);
  const std::vector<double> pruned = WeightsOf("param_group { match: '**/weights' prune_below: 0.4 }");
  EXPECT_GE(Zeros(pruned), 15);
  for (double w : pruned) EXPECT_TRUE(w == 0 || std::fabs(w) >= 0.4f) << w;
}

TEST(RegularisersTest, NormsHaveALimit) {
  const auto norm = [](const std::vector<double>& w) {
    double sum = 0;
    for (double v : w) sum += v * v;
    return std::sqrt(sum);
  };
  EXPECT_GT(norm(WeightsOf("")), 2);
  EXPECT_NEAR(norm(WeightsOf("param_group { match: '**/weights' max_norm: 1.5 }")), 1.5, 1e-5);
}

}  // namespace
}  // namespace gradus
