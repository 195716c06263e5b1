// What `predict` prints and refuses.
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/png.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

// A PNG file of stripes.
void PutImage(const std::string& path, int64_t channels, int64_t height, int64_t width) {
  Tensor image(TensorType{DType::kUint8, {channels, height, width}});
  const absl::Span<uint8_t> pixels = image.values<uint8_t>();
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = i % width < 3 ? 250 : 10;
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok()) << png.status();
  PutFile(path, *png);
}

TEST(PredictTest, PrintsTheLikeliestClasses) {
  const std::string folder = ScratchFolder();
  const std::string run = TrainSmall(folder);
  PutImage(folder + "/a.png", 1, 28, 28);
  const ProgramEnd end = RunExample("predict", {"--run_dir=" + run, "--top=2", folder + "/a.png"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, testing::MatchesRegex(folder + "/a\\.png\n  [0-9] +[0-9.]+ %\n  [0-9] +[0-9.]+ %\n"));
}

TEST(PredictTest, JsonHasALineForEachImage) {
  const std::string folder = ScratchFolder();
  const std::string run = TrainSmall(folder);
  PutImage(folder + "/grey.png", 1, 28, 28);
  PutImage(folder + "/colours.png", 3, 28, 28);
  const ProgramEnd end = RunExample("predict", {"--checkpoint=" + run + "/checkpoints/best", "--json", "--top=100",
                                                folder + "/grey.png", folder + "/colours.png"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  std::istringstream lines(end.out);
  std::vector<nlohmann::json> images;
  for (std::string line; std::getline(lines, line);) images.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0]["image"], folder + "/grey.png");
  ASSERT_EQ(images[0]["classes"].size(), 10u);
  double sum = 0, last = 1;
  for (const auto& c : images[0]["classes"]) {
    EXPECT_EQ(c["name"], std::to_string(c["class"].get<int>()));
    EXPECT_LE(c["probability"], last);
    last = c["probability"];
    sum += last;
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_EQ(images[0]["classes"], images[1]["classes"]);  // the same picture
}

// The checkpoint's preprocessing is used: its crop makes a larger image fit, its normalisation changes nothing in the
// message, and bad images do not stop good ones.
TEST(PredictTest, PreparesImagesAsInTraining) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const std::string run = folder + "/run";
  const std::string crop = "transform { random_crop { height: 20 width: 20 } } transform { normalize { mean: 0.5 } }";
  PutFile(folder + "/train.textproto", R"(model: "model.textproto" steps: 1
      train_data { synthetic_digits { examples: 64 } )" +
                                           crop + R"(}
      eval_data { synthetic_digits { examples: 64 split: TEST } )" +
                                           crop + "}");
  std::string model = GetFile(folder + "/model.textproto");
  model.replace(model.find("28, 28"), 6, "20, 20");
  PutFile(folder + "/model.textproto", model);
  const ProgramEnd trained = RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + run});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;

  PutImage(folder + "/good.png", 1, 31, 40);
  PutImage(folder + "/small.png", 1, 28, 12);
  PutFile(folder + "/text.png", "no image");
  const ProgramEnd end = RunExample("predict", {"--run_dir=" + run, folder + "/small.png", folder + "/text.png",
                                                folder + "/missing.png", folder + "/good.png"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.out, HasSubstr(folder + "/good.png\n"));
  EXPECT_THAT(end.err, HasSubstr("predict: " + folder +
                                 "/small.png: an image of 12 x 28 pixels is too small for a window of 20 x 20; "));
  EXPECT_THAT(end.err, HasSubstr("predict: " + folder + "/text.png: not a JPEG or PNG image: "));
  EXPECT_THAT(end.err, HasSubstr("predict: cannot open '" + folder + "/missing.png': No such file or directory\n"));
}

TEST(PredictTest, ImagesOfAnotherSizeAreRefusedWithBothShapes) {
  const std::string folder = ScratchFolder();
  const std::string run = TrainSmall(folder);
  PutImage(folder + "/wide.png", 3, 28, 40);
  const ProgramEnd end = RunExample("predict", {"--run_dir=" + run, folder + "/wide.png"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(
      end.err,
      "predict: " + folder +
          "/wide.png: the image is [1, 28, 40] when prepared, but the model's input 'image' is [1, 28, 28]: channels, "
          "height, width\n");
  EXPECT_EQ(end.out, "");
}

TEST(PredictTest, WrongFlags) {
  ProgramEnd end = RunExample("predict", {"--run_dir=a"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "predict: no image is given\npredict: see --help\n");
  end = RunExample("predict", {"--run_dir=a", "--top=0", "a.png"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "predict: --top is 0; it must be 1 or more\npredict: see --help\n");
  EXPECT_EQ(RunExample("predict", {"a.png"}).exit_code, 2);
}

}  // namespace
}  // namespace gradus
