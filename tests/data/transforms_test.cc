// The built-in transforms, and chains of them: data/normalize.cc, data/crop.cc, data/flip.cc, data/resize.cc,
// data/color.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "data/transform_chain.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"
#include "tests/testlib/images.h"

namespace gradus {
namespace {

const TransformMode kTrain = TransformMode::kTrain, kEvaluate = TransformMode::kEvaluate;

// A chain of transforms of 'image', written as the fields of a DataStream's transform.
absl::StatusOr<TransformChain> Make(const std::vector<std::string>& texts, const TensorType& input,
                                    TransformMode mode = kTrain) {
  google::protobuf::RepeatedPtrField<Transform> transforms;
  for (const std::string& text : texts) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, transforms.Add())) << text;
  }
  return TransformChain::Make(transforms, {"image", input}, mode);
}

// What is said about the last transform, or about all.
std::string ErrorOf(const std::vector<std::string>& texts, const TensorType& input) {
  const auto made = Make(texts, input);
  if (made.ok()) return "no error";
  const std::string message(made.status().message());
  const std::string start = absl::StrCat("transform ", texts.size() - 1, " of column 'image': ");
  return absl::StartsWith(message, start) ? message.substr(message.find(": ", start.size()) + 2) : message;
}

absl::Status Run(const TransformChain& chain, const std::vector<float>& in, uint64_t index, std::vector<float>* out) {
  std::vector<float> first(std::max<int64_t>(chain.buffer_bytes() / 4, in.size())), second(first.size());
  std::copy(in.begin(), in.end(), first.begin());
  out->resize(chain.output().shape.num_elements());
  const auto bytes = [](std::vector<float>* values) { return reinterpret_cast<uint8_t*>(values->data()); };
  TransformChain::Scratch scratch;
  return chain.Apply(1, {0, static_cast<int64_t>(index)}, bytes(&first), bytes(&second), bytes(out), &scratch);
}

std::vector<float> Apply(const TransformChain& chain, const std::vector<float>& in, uint64_t index = 0) {
  std::vector<float> out;
  const absl::Status status = Run(chain, in, index, &out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

const TensorType kImage = {DType::kFloat32, {1, 3, 3}};
const std::vector<float> kPixels = {1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(NormalizeTest, OneNumberOrOneForEachChannel) {
  const TensorType input = {DType::kFloat32, {2, 1, 2}};
  EXPECT_EQ(Apply(*Make({"normalize { mean: 1 std: 2 }"}, input), {1, 3, 5, 7}), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(Apply(*Make({"normalize { mean: 1 mean: 5 std: 2 }"}, input), {1, 3, 5, 7}),
            (std::vector<float>{0, 1, 0, 1}));
  EXPECT_EQ(Apply(*Make({"normalize { std: 1 std: 2 }"}, input), {1, 3, 6, 8}), (std::vector<float>{1, 3, 3, 4}));
  EXPECT_EQ(Apply(*Make({"normalize { mean: 3 }"}, {DType::kFloat32, {}}), {5}), (std::vector<float>{2}));
}

TEST(NormalizeTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"normalize { mean: 1 mean: 2 }"}, {DType::kFloat32, {3, 4, 4}}),
            "2 values of mean for f32[3, 4, 4]; give one, or one for each channel (the first dimension)");
  EXPECT_EQ(ErrorOf({"normalize { std: 0 }"}, kImage), "std 0 is not positive");
  EXPECT_EQ(ErrorOf({"normalize { std: -1 }"}, kImage), "std -1 is not positive");
  EXPECT_EQ(ErrorOf({"normalize { mean: nan }"}, kImage), "mean nan is not finite");
  EXPECT_EQ(ErrorOf({"normalize { mean: 1 }"}, {DType::kUint8, {1, 3, 3}}), "takes f32 values, not u8[1, 3, 3]");
}

TEST(CenterCropTest, TakesTheMiddle) {
  const auto crop = Make({"center_crop { height: 1 width: 2 }"}, kImage);
  EXPECT_EQ(crop->output().ToString(), "f32[1, 1, 2]");
  EXPECT_EQ(Apply(*crop, kPixels), (std::vector<float>{4, 5}));
  EXPECT_TRUE(Make({"center_crop {}"}, kImage)->empty());
}

TEST(CropTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"center_crop { height: 4 }"}, kImage),
            "a window of height 4 does not fit into f32[1, 3, 3]: it is between 1 and 3");
  EXPECT_EQ(ErrorOf({"random_crop { width: 6 pad: 1 }"}, kImage),
            "a window of width 6 does not fit into f32[1, 3, 3] with pad 1: it is between 1 and 5");
  EXPECT_EQ(ErrorOf({"random_crop { height: 0 }"}, kImage),
            "a window of height 0 does not fit into f32[1, 3, 3]: it is between 1 and 3");
  EXPECT_EQ(ErrorOf({"random_crop { pad: -1 }"}, kImage), "pad -1 is negative");
  EXPECT_EQ(ErrorOf({"random_crop { pad: 2147483647 }"}, kImage), "pad 2147483647 is more than 16384");
  EXPECT_EQ(ErrorOf({"center_crop { height: 1 }"}, {DType::kFloat32, {3}}), "takes images [..., H, W], not f32[3]");
}

TEST(RandomCropTest, TakesEveryWindow) {
  const auto crop = Make({"random_crop { height: 2 width: 2 }"}, kImage);
  std::set<std::vector<float>> windows;
  for (int i = 0; i < 200; ++i) windows.insert(Apply(*crop, kPixels, i));
  EXPECT_EQ(windows, (std::set<std::vector<float>>{{1, 2, 4, 5}, {2, 3, 5, 6}, {4, 5, 7, 8}, {5, 6, 8, 9}}));
}

TEST(RandomCropTest, ReachesIntoThePadding) {
  const TensorType pixel = {DType::kFloat32, {2, 1, 1}};
  const auto crop = Make({"random_crop { height: 2 width: 3 pad: 1 }"}, pixel);
  std::set<std::vector<float>> windows;
  for (int i = 0; i < 50; ++i) windows.insert(Apply(*crop, {1, 2}, i));
  EXPECT_EQ(windows,
            (std::set<std::vector<float>>{{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0}, {0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0}}));
  const auto far = Make({"random_crop { height: 1 width: 1 pad: 3 }"}, pixel);  // windows that miss the image
  windows.clear();
  for (int i = 0; i < 500; ++i) windows.insert(Apply(*far, {1, 2}, i));
  EXPECT_EQ(windows, (std::set<std::vector<float>>{{0, 0}, {1, 2}}));
}

TEST(RandomCropTest, IsACenterCropInEvaluation) {
  const auto crop = Make({"random_crop { height: 1 width: 1 pad: 4 }"}, kImage, kEvaluate);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Apply(*crop, kPixels, i), (std::vector<float>{5}));
  EXPECT_TRUE(Make({"random_crop { pad: 4 }"}, kImage, kEvaluate)->empty());
}

TEST(RandomCropTest, CropsElementsOfAnyType) {
  const auto crop = Make({"random_crop { height: 1 width: 1 }"}, {DType::kUint8, {3, 3}}, kEvaluate);
  std::vector<uint8_t> in = {1, 2, 3, 4, 5, 6, 7, 8, 9}, other(9);
  uint8_t out = 0;
  TransformChain::Scratch scratch;
  ASSERT_TRUE(crop->Apply(1, {}, in.data(), other.data(), &out, &scratch).ok());
  EXPECT_EQ(out, 5);
}

TEST(RandomHorizontalFlipTest, MirrorsAboutHalf) {
  const auto flip = Make({"random_horizontal_flip {}"}, kImage);
  int flipped = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::vector<float> out = Apply(*flip, kPixels, i);
    if (out == kPixels) continue;
    ++flipped;
    EXPECT_EQ(out, (std::vector<float>{3, 2, 1, 6, 5, 4, 9, 8, 7}));
  }
  EXPECT_NEAR(flipped, 500, 80);
  EXPECT_TRUE(Make({"random_horizontal_flip {}"}, kImage, kEvaluate)->empty());
}

TEST(RandomHorizontalFlipTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"random_horizontal_flip { probability: 1.5 }"}, kImage), "probability 1.5 is not between 0 and 1");
  EXPECT_EQ(ErrorOf({"random_horizontal_flip {}"}, {DType::kFloat32, {3}}), "takes images [..., H, W], not f32[3]");
}

// The size of what a chain makes of a JPEG file, or its error.
std::string OfFile(const std::vector<std::string>& texts, int64_t height, int64_t width, TransformMode mode = kTrain) {
  google::protobuf::RepeatedPtrField<Transform> transforms;
  for (const std::string& text : texts) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, transforms.Add())) << text;
  }
  const Column column = {"image", {DType::kFloat32, {3, 0, 0}}, true};
  const auto chain = TransformChain::Make(transforms, column, mode);
  if (!chain.ok()) return std::string(chain.status().message());
  std::vector<uint8_t> first(chain->buffer_bytes()), second(first.size()), out(chain->output().bytes());
  TransformChain::Scratch scratch;
  const absl::Status status = chain->ApplyToFile(1, {}, "x.jpg", Jpeg(SmoothImage(3, height, width)), first.data(),
                                                 second.data(), out.data(), &scratch);
  return status.ok() ? chain->output().ToString() : std::string(status.message());
}

// The values of a chain's image f32[1, H, W] for one that rises from 0 to 1 from left to right.
std::vector<float> OfRamp(const std::vector<std::string>& texts, int64_t height, int64_t width, uint64_t index = 0,
                          TransformMode mode = kTrain) {
  std::vector<float> ramp;
  for (int64_t i = 0; i < height * width; ++i) {
    ramp.push_back((static_cast<float>(i % width) + 0.5f) / static_cast<float>(width));
  }
  return Apply(*Make(texts, {DType::kFloat32, {1, height, width}}, mode), ramp, index);
}

TEST(ResizeTest, KeepsProportionsOrNot) {
  const TensorType wide = {DType::kFloat32, {3, 20, 50}}, high = {DType::kFloat32, {3, 50, 20}};
  EXPECT_EQ(Make({"resize { shorter_side: 10 }"}, wide)->output().ToString(), "f32[3, 10, 25]");
  EXPECT_EQ(Make({"resize { shorter_side: 30 }"}, high)->output().ToString(), "f32[3, 75, 30]");
  EXPECT_EQ(Make({"resize { height: 7 width: 9 }"}, wide)->output().ToString(), "f32[3, 7, 9]");
  const std::vector<float> small = OfRamp({"resize { height: 1 width: 4 }"}, 5, 40);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(small[i], (i + 0.5) / 4, 0.03);  // at the ends the triangle is cut
}

TEST(ResizeTest, NamesWhatIsWrong) {
  const std::string either = "give either shorter_side, or both height and width";
  EXPECT_EQ(ErrorOf({"resize {}"}, kImage), either);
  EXPECT_EQ(ErrorOf({"resize { height: 3 }"}, kImage), either);
  EXPECT_EQ(ErrorOf({"resize { shorter_side: 3 width: 3 }"}, kImage), either);
  EXPECT_EQ(ErrorOf({"resize { height: 0 width: 3 }"}, kImage), "height 0 is not between 1 and 16384");
  EXPECT_EQ(ErrorOf({"resize { shorter_side: 16385 }"}, kImage), "shorter_side 16385 is not between 1 and 16384");
  EXPECT_EQ(ErrorOf({"resize { shorter_side: 3 }"}, {DType::kUint8, {1, 3, 3}}),
            "resizes f32 images with pixels, not u8[1, 3, 3]");
}

TEST(RandomResizedCropTest, TakesPartsOfTheRightSizeAndShape) {
  std::set<std::vector<float>> results;
  for (int i = 0; i < 300; ++i) {
    const std::vector<float> part = OfRamp({"random_resized_crop { height: 2 width: 8 area: [0.25, 0.5] }"}, 60, 60, i);
    ASSERT_EQ(part.size(), 16);
    // Of a ramp the difference between columns tells the width of the part; the outer ones are cut.
    const float width = (part[6] - part[1]) * 8 / 5;
    EXPECT_GE(width, 0.42);  // sqrt(0.25 x 3/4) = 0.43
    EXPECT_LE(width, 0.83);  // sqrt(0.5 x 4/3) = 0.82
    EXPECT_GE(part[0], 0);
    EXPECT_LE(part[7], 1);
    results.insert(part);
  }
  EXPECT_GT(results.size(), 250);
}

TEST(RandomResizedCropTest, TakesTheMiddleOfWhatFitsNothing) {
  const std::string crop = "random_resized_crop { height: 1 width: 4 }";
  const std::vector<float> part = OfRamp({crop}, 2, 100);  // at most 8 of 100 columns, never the area
  EXPECT_NEAR(part[0], 0.49, 0.01);
  EXPECT_NEAR(part[3], 0.51, 0.01);
}

TEST(RandomResizedCropTest, InEvaluationIsTheMiddleOfAResizedImage) {
  const std::string crop = "random_resized_crop { height: 224 width: 224 }";
  const std::vector<float> wide = OfRamp({crop}, 256, 512, 0, kEvaluate);
  EXPECT_NEAR(wide[0], (512 / 2 - 112 + 0.5) / 512, 1e-5);
  EXPECT_EQ(wide, OfRamp({"resize { shorter_side: 256 }", "center_crop { height: 224 width: 224 }"}, 256, 512));
  EXPECT_EQ(OfRamp({crop}, 500, 375, 0, kEvaluate),
            OfRamp({"resize { shorter_side: 256 }", "center_crop { height: 224 width: 224 }"}, 500, 375));
}

TEST(RandomResizedCropTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"random_resized_crop { height: 3 }"}, kImage), "needs both height and width");
  EXPECT_EQ(ErrorOf({"random_resized_crop { height: 3 width: 3 area: 0.5 }"}, kImage),
            "area [0.5] is no range: give the least and the largest value, above 0 and at most 1");
  EXPECT_EQ(ErrorOf({"random_resized_crop { height: 3 width: 3 area: [0.5, 1.5] }"}, kImage),
            "area [0.5, 1.5] is no range: give the least and the largest value, above 0 and at most 1");
  EXPECT_EQ(ErrorOf({"random_resized_crop { height: 3 width: 3 aspect: [2, 1] }"}, kImage),
            "aspect [2, 1] is no range: give the least and the largest value, above 0 and at most 100");
}

TEST(ChainTest, ImagesOfAnySizeGetOne) {
  const std::string crop = "random_resized_crop { height: 24 width: 32 }", flip = "random_horizontal_flip {}";
  for (TransformMode mode : {kTrain, kEvaluate}) {
    EXPECT_EQ(OfFile({flip, crop, "normalize { mean: 0.5 }"}, 90, 70, mode), "f32[3, 24, 32]");
    EXPECT_EQ(OfFile({crop, "color_jitter { brightness: 0.4 hue: 0.1 }", "lighting {}"}, 9, 700, mode),
              "f32[3, 24, 32]");
  }
  EXPECT_EQ(OfFile({"resize { shorter_side: 20 }", "center_crop { height: 16 width: 16 }"}, 400, 300),
            "f32[3, 16, 16]");
  EXPECT_EQ(OfFile({"random_crop { height: 32 width: 32 pad: 4 }", "resize { height: 8 width: 8 }"}, 32, 32),
            "f32[3, 8, 8]");
}

TEST(ChainTest, ImagesThatKeepTheirSizeAreRefused) {
  const std::string none =
      "the images of column 'image' may have any size, and no transform gives all of them the same one; add `transform "
      "{ random_resized_crop { height: 224 width: 224 } }` or `transform { resize { height: 224 width: 224 } }`, with "
      "your model's size";
  EXPECT_EQ(OfFile({}, 9, 9), none);
  EXPECT_EQ(OfFile({"resize { shorter_side: 256 }", "random_horizontal_flip {}"}, 9, 9), none);
  EXPECT_EQ(OfFile({"random_crop { height: 9 }"}, 9, 9), none);
  EXPECT_EQ(OfFile({"normalize {}", "resize { height: 9 width: 9 }"}, 9, 9),
            "transform 0 of column 'image': Normalize: takes images of one size, but these differ; put it after a "
            "transform that makes them equal, such as random_resized_crop { height: 224 width: 224 }");
  EXPECT_EQ(OfFile({"center_crop { height: 20 width: 10 }"}, 12, 30),
            "x.jpg: an image of 30 x 12 pixels is too small for a window of 10 x 20; a `resize` before the crop would "
            "help");
}

// Neighbours are one resampling; with a step between them that changes nothing they are two, and show the same.
TEST(ChainTest, GeometryIsOneResampling) {
  const std::string crop = "random_crop { height: 5 width: 6 pad: 2 }", same = "normalize {}";
  const std::string flip = "random_horizontal_flip { probability: 1 }";
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(OfRamp({crop, flip}, 7, 9, i), OfRamp({crop, same, flip}, 7, 9, i));
    EXPECT_EQ(OfRamp({flip, crop, flip}, 7, 9, i).size(), 30);
    EXPECT_EQ(OfRamp({crop, "resize { height: 5 width: 6 }"}, 7, 9, i), OfRamp({crop}, 7, 9, i));
  }
}

const TensorType kColours = {DType::kFloat32, {3, 1, 2}};

TEST(ColorJitterTest, ChangesWhatItSays) {
  const std::vector<float> image = {0.2f, 0.5f, 0.4f, 0.5f, 0.6f, 0.5f};  // a blue pixel and a grey one
  for (int i = 0; i < 100; ++i) {
    const std::vector<float> bright = Apply(*Make({"color_jitter { brightness: 0.5 }"}, kColours), image, i);
    const float factor = bright[0] / 0.2f;
    EXPECT_GE(factor, 0.5f);
    EXPECT_LE(factor, 1.5f);
    for (int k = 0; k < 6; ++k) EXPECT_NEAR(bright[k], factor * image[k], 1e-6);
    const std::vector<float> hue = Apply(*Make({"color_jitter { hue: 0.5 }"}, kColours), image, i);
    EXPECT_NEAR(std::max({hue[0], hue[2], hue[4]}), 0.6, 1e-6);
    EXPECT_NEAR(std::min({hue[0], hue[2], hue[4]}), 0.2, 1e-6);
    EXPECT_NEAR(hue[3], 0.5, 1e-6);
    const std::vector<float> grey = Apply(*Make({"color_jitter { saturation: 1 }"}, kColours), image, i);
    EXPECT_NEAR(0.299 * grey[0] + 0.587 * grey[2] + 0.114 * grey[4], 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6, 1e-6);
    EXPECT_NEAR(grey[1], 0.5, 1e-6);
  }
  const std::vector<float> least = Apply(*Make({"color_jitter { contrast: 100 }"}, kColours), image);
  for (float value : least) EXPECT_TRUE(value >= 0 && value <= 1);
  EXPECT_TRUE(Make({"color_jitter { hue: 0.5 }"}, kColours, kEvaluate)->empty());
}

TEST(ColorJitterTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"color_jitter { hue: 0.6 }"}, kColours), "hue 0.6 is not between 0 and 0.5");
  EXPECT_EQ(ErrorOf({"color_jitter { brightness: -1 }"}, kColours), "brightness -1 is not between 0 and 100");
  EXPECT_EQ(ErrorOf({"color_jitter { saturation: 0.5 }"}, kImage), "takes images f32[3, H, W], not f32[1, 3, 3]");
  EXPECT_EQ(ErrorOf({"color_jitter { contrast: 0.5 }"}, kImage), "no error");
  EXPECT_EQ(ErrorOf({"normalize {}", "color_jitter { contrast: 0.5 }"}, kImage),
            "wants colours in 0...1, so put it before normalize");
}

TEST(LightingTest, ShiftsEachChannel) {
  const std::vector<float> image(6, 0.5f);
  double squares = 0;
  for (int i = 0; i < 200; ++i) {
    const std::vector<float> lit = Apply(*Make({"lighting {}"}, kColours), image, i);
    for (int c = 0; c < 3; ++c) EXPECT_EQ(lit[2 * c], lit[2 * c + 1]);
    squares += (lit[0] - 0.5) * (lit[0] - 0.5);
  }
  EXPECT_NEAR(std::sqrt(squares / 200), 0.1 * 0.2175 * 0.5675, 0.002);
  EXPECT_TRUE(Make({"lighting {}"}, kColours, kEvaluate)->empty());
}

}  // namespace
}  // namespace gradus
