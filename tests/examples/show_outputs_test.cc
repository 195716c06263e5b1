// What `show_outputs` and `show_weights` draw, print and refuse.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor.h"
#include "data/image_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using ::testing::HasSubstr;

constexpr char kModel[] = R"(name: "autoencoder"
input { name: "image" dims: [1, 28, 28] }
layer { name: "code" dense { units: 8 } }
layer { name: "pixels" dense { units: 784 } }
layer { name: "back" reshape { dims: [1, 28, 28] } }
layer { name: "before" input: "pixels" carried {} }
layer { name: "sum" input: ["before", "pixels"] binary { function: ADD } }
layer { name: "after" input: ["before", "sum"] carry_on {} }
loss { name: "mse" input: "back" target: "image" mean_squared_error {} }
output: "back"
)";

class ShowOutputsTest : public testing::Test {
 protected:
  void SetUp() override {
    PutFile(folder_ + "/model.textproto", kModel);
    PutFile(
        folder_ + "/train.textproto",
        "model: \"model.textproto\" train_data { synthetic_digits { examples: 40 } } batch_size: 10 steps: 2\n"
        "param_group { match: \"code/weights\" keep_largest: 100 } param_group { match: \"pixels/weights\" max_norm: "
        "0.1 }");
    const ProgramEnd end =
        RunExample("train", {"--config=" + folder_ + "/train.textproto", "--run_dir=" + folder_ + "/run"});
    ASSERT_EQ(end.exit_code, 0) << end.err;
  }

  ProgramEnd Show(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--run_dir=" + folder_ + "/run", "--output=" + Output()};
    words.insert(words.end(), more.begin(), more.end());
    return RunExample("show_outputs", words);
  }
  std::string Output() const { return folder_ + "/out.png"; }

  const std::string folder_ = ScratchFolder();
};

TEST_F(ShowOutputsTest, DrawsSideBySide) {
  ProgramEnd end = Show({"--count=6"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("out.png: 6 images, f32[1, 28, 28] each, "));
  end = Show({"--count=6", "--layers=image,pixels"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("out.png: 12 images, f32[1, 28, 28] each, "));
  end = Show({"--weights=code/weights", "--count=100"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("out.png: 8 images, "));
  end = Show({"--layers=code", "--dims=1,2,4"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("f32[1, 2, 4] each"));
}

// The image, and the image again, and its negative: the second column is the first, and the third what it is not.
TEST_F(ShowOutputsTest, EachColumnIsALayerAndEachRowAnExample) {
  PutFile(folder_ + "/model.textproto", R"(input { name: "image" dims: [1, 28, 28] }
    layer { name: "same" reshape { dims: [1, 28, 28] } }
    layer { name: "not" conv { filters: 1 kernel: 1 weights_init { constant { value: -1 } }
                               bias_init { constant { value: 1 } } } }
    loss { name: "l" value {} } output: "same")");
  PutFile(folder_ + "/copy.textproto", R"(model: "model.textproto" train_data { synthetic_digits { examples: 40 } }
    batch_size: 10 steps: 1 learning_rate: 1e-20)");
  const ProgramEnd trained =
      RunExample("train", {"--config=" + folder_ + "/copy.textproto", "--run_dir=" + folder_ + "/copy"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const ProgramEnd end = RunExample("show_outputs", {"--run_dir=" + folder_ + "/copy", "--output=" + Output(),
                                                     "--count=2", "--layers=image,same,not"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const auto picture = DecodeImage("out.png", GetFile(Output()), 3);
  ASSERT_TRUE(picture.ok()) << picture.status();
  // Tiles of 84 x 84 pixels, 8 apart; 18 pixels or less below each for the captions.
  const int64_t width = picture->shape()[2];
  ASSERT_EQ(width, 3 * 92 + 8);
  const int64_t step_y = (picture->shape()[1] - 8) / 2;
  const auto at = [&](int64_t row, int64_t column, int64_t y, int64_t x) {
    return int{picture->data()[(8 + row * step_y + y) * width + 8 + column * 92 + x]};
  };
  int examples_differ = 0;
  for (int64_t y = 1; y < 84; y += 3) {
    for (int64_t x = 1; x < 84; x += 3) {
      for (int64_t row : {0, 1}) {
        EXPECT_EQ(at(row, 0, y, x), at(row, 1, y, x));
        EXPECT_NEAR(at(row, 0, y, x), 255 - at(row, 2, y, x), 1);
      }
      examples_differ += at(0, 0, y, x) != at(1, 0, y, x) ? 1 : 0;
    }
  }
  EXPECT_GT(examples_differ, 20);
}

TEST_F(ShowOutputsTest, PassesGoOn) {
  ASSERT_EQ(Show({"--layers=image,sum", "--passes=1"}).exit_code, 0);
  const std::string once = GetFile(Output());
  ASSERT_EQ(Show({"--layers=image,sum", "--passes=9"}).exit_code, 0);
  EXPECT_NE(GetFile(Output()), once);
}

TEST_F(ShowOutputsTest, MistakesAreNamed) {
  struct Row {
    std::vector<std::string> words;
    int exit_code;
    const char* message;
  };
  const Row rows[] = {
      {{"--layers=cod"}, 1, "'cod'"},
      {{"--layers=code"},
       1,
       "'code' is f32[32, 8], which is no row of images of 1 or 3 channels; --dims=channels,height,width says how to "
       "fold 8 numbers"},
      {{"--layers=image,code", "--dims=1,2,4"},
       1,
       "'image' and 'code' are images of two sizes, [1, 28, 28] and [1, 2, 4]; draw them one by one"},
      {{"--weights=code/weight"}, 1, "the model has no variable 'code/weight'; did you mean 'code/weights'?"},
      {{"--weights=code/bias"}, 1, "'code/bias' is f32[8], no row of images to draw"},
      {{"--weights=code/weights", "--layers=code"}, 2, "--layers and --weights are both given; give one of them"},
      {{"--weights=code/weights", "--passes=2"}, 2, "--passes means nothing with --weights"},
      {{"--dims=2,14,28"}, 2, "--dims has to be channels,height,width with 1 or 3 channels"},
      {{"--dims=1,x"}, 2, "--dims"},
      {{"--count=0"}, 2, "--count is 0; it must be 1 to 65536"},
      {{"--passes=0"}, 2, "--passes is 0; it must be 1 or more"},
      {{"--output=/nowhere/out.png"}, 1, "cannot write '/nowhere/out.png'"},
  };
  for (const Row& row : rows) {
    const ProgramEnd end = Show(row.words);
    EXPECT_EQ(end.exit_code, row.exit_code) << end.err;
    EXPECT_THAT(end.err, HasSubstr(row.message));
  }
}

TEST_F(ShowOutputsTest, WeightsAreMeasured) {
  const ProgramEnd end = RunExample("show_weights", {"--run_dir=" + folder_ + "/run", "--match=*/weights"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("code/weights    f32[8, 784]       100    1.59 %"));
  EXPECT_THAT(end.out,
              ::testing::ContainsRegex("pixels/weights +f32.784, 8. +6,272 +100.00 % +[0-9.]+ +[0-9.]+ +0.1\n"));
  EXPECT_THAT(RunExample("show_weights", {"--run_dir=" + folder_ + "/run", "--match=code/wieghts"}).err,
              HasSubstr("--match: "));
}

}  // namespace
}  // namespace gradus
