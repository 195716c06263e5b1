// A model file with a foreign layer trains, and edits nothing of the framework.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "graph/load_model.h"
#include "train/learner.h"

namespace gradus {
namespace {

TEST(Foreign, ModelWithAForeignLayerTrains) {
  absl::StatusOr<LoadedModel> model = LoadModel("tests/foreign/swell.textproto");
  ASSERT_TRUE(model.ok()) << model.status();
  Training training;
  training.set_batch_size(16);
  training.set_threads(2);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*model, training);
  ASSERT_TRUE(learner.ok()) << learner.status();

  RandomSequence random(1, "foreign");
  Tensor images({DType::kFloat32, {16, 1, 28, 28}}), labels({DType::kInt32, {16}});
  for (float& x : images.values<float>()) x = static_cast<float>(random.Uniform());
  for (int32_t& label : labels.values<int32_t>()) label = static_cast<int32_t>(random.Below(10));
  std::vector<double> losses;
  for (int step = 0; step < 30; ++step) {
    absl::StatusOr<StepResult> result = (*learner)->Step({{"image", &images}, {"label", &labels}}, 0.02);
    ASSERT_TRUE(result.ok()) << result.status();
    losses.push_back(result->loss);
  }
  EXPECT_LT(losses.back(), losses.front() / 2);

  const int gain = (*learner)->variables().Find("swell1/gain");
  ASSERT_GE(gain, 0);
  absl::StatusOr<Tensor> value = (*learner)->variables().Get(gain);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->shape(), Shape({20}));
  EXPECT_NE(value->values<float>()[0], 1.0f);  // trained
}

TEST(Foreign, MisspeltFieldsOfAForeignLayerAreFound) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(
      "input { name: \"x\" dims: [3] }\nlayer { name: \"s\" [acme.swell] { strenght: 1 } }\n", "model.textproto");
  EXPECT_EQ(model.status().message(),
            "model.textproto:2:34: message 'Swell' has no field 'strenght'; did you mean 'strength'?");
}

}  // namespace
}  // namespace gradus
