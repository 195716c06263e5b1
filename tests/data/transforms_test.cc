// The built-in transforms: data/normalize.cc, data/crop.cc, data/flip.cc.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "data/transform.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

template <typename Config>
absl::StatusOr<std::unique_ptr<ExampleTransform>> Make(const std::string& text, const TensorType& input,
                                                       TransformMode mode = TransformMode::kTrain) {
  Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return MakeTransform(config, input, mode);
}

template <typename Config>
std::string ErrorOf(const std::string& text, const TensorType& input) {
  const auto made = Make<Config>(text, input);
  return made.ok() ? "no error" : std::string(made.status().message());
}

std::vector<float> Apply(const ExampleTransform& transform, const std::vector<float>& in, uint64_t substream = 0) {
  std::vector<float> out(transform.output().shape.num_elements());
  RandomSequence random(1, "test", substream);
  transform.Apply(reinterpret_cast<const uint8_t*>(in.data()), reinterpret_cast<uint8_t*>(out.data()), &random);
  return out;
}

const TensorType kImage = {DType::kFloat32, {1, 3, 3}};
const std::vector<float> kPixels = {1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(NormalizeTest, OneNumberOrOneForEachChannel) {
  const TensorType input = {DType::kFloat32, {2, 1, 2}};
  EXPECT_EQ(Apply(**Make<Normalize>("mean: 1 std: 2", input), {1, 3, 5, 7}), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(Apply(**Make<Normalize>("mean: 1 mean: 5 std: 2", input), {1, 3, 5, 7}), (std::vector<float>{0, 1, 0, 1}));
  EXPECT_EQ(Apply(**Make<Normalize>("std: 1 std: 2", input), {1, 3, 6, 8}), (std::vector<float>{1, 3, 3, 4}));
  EXPECT_EQ(Apply(**Make<Normalize>("mean: 3", {DType::kFloat32, {}}), {5}), (std::vector<float>{2}));
}

TEST(NormalizeTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf<Normalize>("mean: 1 mean: 2", {DType::kFloat32, {3, 4, 4}}),
            "2 values of mean for f32[3, 4, 4]; give one, or one for each channel (the first dimension)");
  EXPECT_EQ(ErrorOf<Normalize>("std: 0", kImage), "std 0 is not positive");
  EXPECT_EQ(ErrorOf<Normalize>("std: -1", kImage), "std -1 is not positive");
  EXPECT_EQ(ErrorOf<Normalize>("mean: nan", kImage), "mean nan is not finite");
  EXPECT_EQ(ErrorOf<Normalize>("mean: 1", {DType::kUint8, {1, 3, 3}}), "takes f32 values, not u8[1, 3, 3]");
}

TEST(CenterCropTest, TakesTheMiddle) {
  const auto crop = Make<CenterCrop>("height: 1 width: 2", kImage);
  EXPECT_EQ((*crop)->output().ToString(), "f32[1, 1, 2]");
  EXPECT_EQ(Apply(**crop, kPixels), (std::vector<float>{4, 5}));
  EXPECT_EQ(*Make<CenterCrop>("", kImage), nullptr);
}

TEST(CropTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf<CenterCrop>("height: 4", kImage),
            "a window of height 4 does not fit into f32[1, 3, 3]: it is between 1 and 3");
  EXPECT_EQ(ErrorOf<RandomCrop>("width: 6 pad: 1", kImage),
            "a window of width 6 does not fit into f32[1, 3, 3] with pad 1: it is between 1 and 5");
  EXPECT_EQ(ErrorOf<RandomCrop>("height: 0", kImage),
            "a window of height 0 does not fit into f32[1, 3, 3]: it is between 1 and 3");
  EXPECT_EQ(ErrorOf<RandomCrop>("pad: -1", kImage), "pad -1 is negative");
  EXPECT_EQ(ErrorOf<CenterCrop>("height: 1", {DType::kFloat32, {3}}), "takes images [..., H, W], not f32[3]");
}

TEST(RandomCropTest, TakesEveryWindow) {
  const auto crop = Make<RandomCrop>("height: 2 width: 2", kImage);
  std::set<std::vector<float>> windows;
  for (int i = 0; i < 200; ++i) windows.insert(Apply(**crop, kPixels, i));
  EXPECT_EQ(windows, (std::set<std::vector<float>>{{1, 2, 4, 5}, {2, 3, 5, 6}, {4, 5, 7, 8}, {5, 6, 8, 9}}));
}

TEST(RandomCropTest, ReachesIntoThePadding) {
  const TensorType pixel = {DType::kFloat32, {2, 1, 1}};
  const auto crop = Make<RandomCrop>("height: 2 width: 3 pad: 1", pixel);
  std::set<std::vector<float>> windows;
  for (int i = 0; i < 50; ++i) windows.insert(Apply(**crop, {1, 2}, i));
  EXPECT_EQ(windows,
            (std::set<std::vector<float>>{{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0}, {0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}}));
  const auto far = Make<RandomCrop>("height: 1 width: 1 pad: 3", pixel);  // windows that miss the image
  windows.clear();
  for (int i = 0; i < 500; ++i) windows.insert(Apply(**far, {1, 2}, i));
  EXPECT_EQ(windows, (std::set<std::vector<float>>{{0, 0}, {1, 2}}));
}

TEST(RandomCropTest, IsACenterCropInEvaluation) {
  const auto crop = Make<RandomCrop>("height: 1 width: 1 pad: 4", kImage, TransformMode::kEvaluate);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Apply(**crop, kPixels, i), (std::vector<float>{5}));
  EXPECT_EQ(*Make<RandomCrop>("pad: 4", kImage, TransformMode::kEvaluate), nullptr);
}

TEST(RandomCropTest, CropsElementsOfAnyType) {
  const auto crop = Make<RandomCrop>("height: 1 width: 1", {DType::kUint8, {3, 3}}, TransformMode::kEvaluate);
  const std::vector<uint8_t> in = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  uint8_t out = 0;
  RandomSequence random(1, "test");
  (*crop)->Apply(in.data(), &out, &random);
  EXPECT_EQ(out, 5);
}

TEST(RandomHorizontalFlipTest, MirrorsAboutHalf) {
  const auto flip = Make<RandomHorizontalFlip>("", kImage);
  int flipped = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<float> out = Apply(**flip, kPixels, i);
    if (out == kPixels) continue;
    ++flipped;
    EXPECT_EQ(out, (std::vector<float>{3, 2, 1, 6, 5, 4, 9, 8, 7}));
  }
  EXPECT_NEAR(flipped, 500, 80);
  EXPECT_EQ(*Make<RandomHorizontalFlip>("", kImage, TransformMode::kEvaluate), nullptr);
}

TEST(RandomHorizontalFlipTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf<RandomHorizontalFlip>("probability: 1.5", kImage), "probability 1.5 is not between 0 and 1");
  EXPECT_EQ(ErrorOf<RandomHorizontalFlip>("", {DType::kFloat32, {3}}), "takes images [..., H, W], not f32[3]");
}

}  // namespace
}  // namespace gradus
