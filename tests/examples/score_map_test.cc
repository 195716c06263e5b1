// Dense layers as convolutions: the same scores, everywhere.
#include "examples/score_map.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "train/predictor.h"
#include "train/save_model.h"

namespace gradus {
namespace {

Tensor RandomImage(int64_t height, int64_t width) {
  Tensor image(TensorType{DType::kFloat32, {1, height, width}});
  RandomSequence random(3, "image");
  for (float& value : image.values<float>()) value = static_cast<float>(random.Uniform());
  return image;
}

// Window (y, x) of an image, as a batch of one.
Tensor WindowOf(const Tensor& image, int64_t y, int64_t x, int64_t size) {
  Tensor window(TensorType{DType::kFloat32, {1, 1, size, size}});
  for (int64_t i = 0; i < size * size; ++i) {
    window.values<float>()[i] = image.values<float>()[(y + i / size) * image.shape()[2] + x + i % size];
  }
  return window;
}

class ScoreMapTest : public testing::Test {
 protected:
  void SetUp() override {
    SessionOptions options;
    options.threads = 1;
    auto dense = LoadModel("examples/mnist/lenet.textproto");
    auto conv = LoadModel("examples/dense_to_conv/lenet.textproto");
    ASSERT_TRUE(dense.ok() && conv.ok()) << dense.status() << conv.status();
    conv_ = std::make_unique<LoadedModel>(*std::move(conv));
    auto variables = std::make_shared<VariableStore>(5);
    auto predictor = Predictor::Create(dense->model, variables, 1, options);
    ASSERT_TRUE(predictor.ok()) << predictor.status();
    dense_ = *std::move(predictor);
    weights_ = ScratchFolder() + "/w.safetensors";
    ASSERT_TRUE(SaveWeights(variables.get(), weights_).ok());
  }

  std::unique_ptr<LoadedModel> conv_;
  std::unique_ptr<Predictor> dense_;
  std::string weights_;
};

TEST_F(ScoreMapTest, EachPlaceIsTheClassifierOnItsWindow) {
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{28, 28}, {36, 44}, {35, 31}}) {
    const Tensor image = RandomImage(height, width);
    const auto scored = ScoreImage(*conv_, weights_, image, 1);
    ASSERT_TRUE(scored.ok()) << scored.status();
    const Tensor& scores = scored->scores;
    const Shape map{10, (height - 28) / 4 + 1, (width - 28) / 4 + 1};
    ASSERT_EQ(scores.shape(), map);
    for (const MapAxis& axis : {scored->y, scored->x}) {
      EXPECT_EQ(axis.middle, 13.5);
      EXPECT_EQ(axis.step, 4);
    }
    for (int64_t place = 0; place < map[1] * map[2]; ++place) {
      const Tensor window = WindowOf(image, place / map[2] * 4, place % map[2] * 4, 28);
      const auto expected = dense_->Run({{"image", &window}});
      ASSERT_TRUE(expected.ok()) << expected.status();
      for (int64_t label = 0; label < 10; ++label) {
        EXPECT_NEAR(scores.values<float>()[label * map[1] * map[2] + place], expected->front().values<float>()[label],
                    1e-5)
            << place << " " << label;
      }
    }
  }
}

TEST_F(ScoreMapTest, Mistakes) {
  EXPECT_THAT(std::string(ScoreImage(*conv_, weights_, RandomImage(20, 28), 1).status().message()),
              testing::HasSubstr("fc1"));
  const auto dense = LoadModelText(
      "input { name: 'image' dims: [1, 28, 28] } layer { name: 'conv1' conv { filters: 20 "
      "kernel: 5 } } layer { name: 'logits' dense { units: 10 } }",
      "m");
  ASSERT_TRUE(dense.ok());
  EXPECT_THAT(std::string(ScoreImage(*dense, weights_, RandomImage(28, 28), 1).status().message()),
              testing::HasSubstr("'logits/weights' is f32[10, 11520], but 'logits/weights' there is f32[10, 500]"));
}

TEST(LogOddsTest, OfSoftmax) {
  const float scores[] = {1, 1000, -1, 0, 2, -1000};
  const Tensor odds = LogOdds(Tensor::Of<float>({3, 1, 2}, scores));
  const double p = std::exp(1) / (std::exp(1) + std::exp(-1) + std::exp(2));
  EXPECT_NEAR(odds.values<float>()[0], std::log(p / (1 - p)), 1e-6);
  EXPECT_NEAR(odds.values<float>()[1], 1000, 1e-3);
}

TEST(SightingsTest, TheBestOfAnyClassThatDoNotOverlap) {
  // Steps of 2 over windows of 4 in an image of 8 x 10: 3 x 4 places.
  ScoreMap map = {Tensor(TensorType{DType::kFloat32, {2, 3, 4}}), {1.5, 2}, {1.5, 2}};
  map.scores.values<float>()[0] = 4;          // class 0 at (0, 0)
  map.scores.values<float>()[12 + 1] = 3;     // class 1 at (0, 1): 2 pixels from there, half a window
  map.scores.values<float>()[2 * 4 + 3] = 2;  // class 0 at (2, 3)
  map.scores.values<float>()[12 + 11] = 1.9f;
  const auto found = FindSightings(map, Shape{1, 4, 4});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[1].label, 1);
  EXPECT_EQ(found[1].x, 2);
  EXPECT_EQ(found[2].label, 0);
  EXPECT_EQ(found[2].y, 4);
  EXPECT_EQ(found[2].x, 6);
  const Tensor over = MapOverImage(map, 0, Shape{1, 8, 10});
  EXPECT_EQ(over.values<float>()[0], 0);
  EXPECT_EQ(over.values<float>()[1 * 10 + 1], 4);
  EXPECT_EQ(over.values<float>()[2 * 10 + 2], 4);
  EXPECT_EQ(over.values<float>()[3 * 10 + 3], 0);
  EXPECT_EQ(over.values<float>()[6 * 10 + 8], 2);
}

// Windows of 2, 7 pixels apart: what is nearest to the first one begins before the image.
TEST(SightingsTest, StepsMayBeLargerThanWindows) {
  const ScoreMap map = {Tensor::Of<float>({1, 1, 2}, {3, 5}), {0.5, 7}, {0.5, 7}};
  const Tensor over = MapOverImage(map, 0, Shape{1, 2, 9});
  const std::vector<float> row(over.values<float>().begin(), over.values<float>().begin() + 9);
  EXPECT_EQ(row, (std::vector<float>{3, 3, 3, 3, 5, 5, 5, 5, 5}));
  EXPECT_EQ(FindSightings(map, Shape{1, 2, 2})[0].x, 7);
}

TEST(SceneTest, HasTheExamplesWhereThereIsRoom) {
  const Tensor examples[] = {Tensor::Of<float>({1, 1, 2}, {1, 2}), Tensor::Of<float>({1, 1, 2}, {3, 4}),
                             Tensor::Of<float>({1, 1, 2}, {5, 6})};
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Tensor scene = MakeScene(examples, -1, 3, 8, seed);
    ASSERT_EQ(scene.shape(), (Shape{1, 3, 8}));
    std::vector<float> values(scene.values<float>().begin(), scene.values<float>().end());
    for (float first : {1, 3, 5}) {
      const auto at = std::find(values.begin(), values.end(), first);
      ASSERT_NE(at, values.end()) << seed;
      EXPECT_LT((at - values.begin()) % 8, 7);
      EXPECT_EQ(at[1], first + 1);
    }
    EXPECT_EQ(std::count(values.begin(), values.end(), -1), 3 * 8 - 6);
  }
  EXPECT_FALSE(MakeScene(examples, -1, 3, 8, 1).values<float>() == MakeScene(examples, -1, 3, 8, 2).values<float>());
  // Without room the larger number stays.
  const Tensor full = MakeScene(examples, -1, 1, 2, 1);
  EXPECT_EQ(full.values<float>()[0], 5);
  EXPECT_EQ(full.values<float>()[1], 6);
}

}  // namespace
}  // namespace gradus
