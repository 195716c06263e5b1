// The layers Carried and CarryOn: what they do from batch to batch.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "proto/train.pb.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

TEST(CarriedTest, WhatIsCarriedKeepsItsType) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(R"(
      input { name: "x" dims: [2] }
      layer { name: "before" carried { dims: [3] } }
      layer { name: "after" input: ["before", "x"] carry_on {} })",
                                                          "m");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto predictor = Predictor::Create(model->model, std::make_shared<VariableStore>(), 4);
  EXPECT_THAT(std::string(predictor.status().message()),
              testing::HasSubstr("m:4:52: 'after': what is carried is f32[4, 3], but the second input is f32[4, 2]"));
}

TEST(CarriedTest, IsCarriedOnOnce) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(R"(
      input { name: "x" dims: [2] }
      layer { name: "before" carried {} }
      layer { name: "twice" input: ["before", "x"] binary { function: ADD } }
      layer { name: "after" input: ["before", "twice"] carry_on {} }
      layer { name: "again" input: ["before", "x"] carry_on {} })",
                                                          "m");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto predictor = Predictor::Create(model->model, std::make_shared<VariableStore>(), 4);
  EXPECT_THAT(std::string(predictor.status().message()),
              testing::HasSubstr("m:6:52: 'again': the first input is already carried on, as 'twice' of m:4:7; a layer "
                                 "`carried {}` is carried on once"));
}

// Adds up what it is given.
constexpr char kSum[] = R"(
input { name: "x" dims: [2] }
variable { name: "rate" dims: [1, 2] init { constant { value: 1 } } }
layer { name: "before" input: "x" carried {} }
layer { name: "scaled" input: ["x", "rate"] binary { function: MULTIPLY } }
layer { name: "sum" input: ["before", "scaled"] binary { function: ADD } }
layer { name: "after" input: ["before", "sum"] carry_on {} }
loss { name: "sum" value {} }
output: "after"
)";

TEST(CarriedTest, GoesOnFromBatchToBatch) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(kSum, "sum");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto predictor = Predictor::Create(model->model, std::make_shared<VariableStore>(), 1);
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  const float values[] = {1, 10};
  const Tensor x = Tensor::Of<float>(Shape{1, 2}, values);
  for (const float times : {1.0f, 2.0f, 3.0f}) {
    const auto outputs = (*predictor)->Run({{"x", &x}});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ((*outputs)[0].values<float>()[0], times);
    EXPECT_EQ((*outputs)[0].values<float>()[1], 10 * times);
  }
}

// The gradient of rate is x / 2 in every step: none flows through what was carried.
TEST(CarriedTest, NoGradientFlowsFromBatchToBatch) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(kSum, "sum");
  ASSERT_TRUE(model.ok()) << model.status();
  Training training;
  training.set_batch_size(1);
  const auto learner = Learner::Create(*model, training);
  ASSERT_TRUE(learner.ok()) << learner.status();
  const float values[] = {1, 10};
  const Tensor x = Tensor::Of<float>(Shape{1, 2}, values);
  for (int step = 1; step <= 3; ++step) {
    ASSERT_TRUE((*learner)->Step({{"x", &x}}, 0.125).ok());
    EXPECT_EQ((*learner)->Value("rate")->values<float>()[0], 1 - 0.125f * step / 2);
    EXPECT_EQ((*learner)->Value("rate")->values<float>()[1], 1 - 1.25f * step / 2);
  }
  EXPECT_EQ((*learner)->Value("before/state")->values<float>()[0], 1 + 0.9375f + 0.875f);
}

}  // namespace
}  // namespace gradus
