// What `show_data` draws and refuses.
#include <string>

#include "core/tensor.h"
#include "data/image_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

TEST(ShowDataTest, DrawsTheSamePictureEveryTime) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const std::string config = "--config=" + folder + "/train.textproto";
  const std::string output = folder + "/data.png";
  const ProgramEnd end = RunExample("show_data", {config, "--output=" + output, "--count=6"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, output + ": 6 of 200 training examples, f32[1, 28, 28] each, 284 x 228 pixels\n");
  const std::string png = GetFile(output);
  const auto picture = DecodeImage(output, png, 3);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->shape(), (Shape{3, 228, 284}));
  ASSERT_EQ(RunExample("show_data", {config, "--output=" + output, "--count=6"}).exit_code, 0);
  EXPECT_EQ(GetFile(output), png);
  // Another seed, another order.
  ASSERT_EQ(RunExample("show_data", {config, "--output=" + output, "--count=6", "--set=seed=2"}).exit_code, 0);
  EXPECT_NE(GetFile(output), png);
}

TEST(ShowDataTest, NormalisationIsUndone) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const std::string config = "--config=" + folder + "/train.textproto";
  const std::string shuffle = "--set=train_data.shuffle=false";
  ASSERT_EQ(RunExample("show_data", {config, shuffle, "--output=" + folder + "/a.png"}).exit_code, 0);
  ASSERT_EQ(RunExample("show_data", {config, shuffle, "--output=" + folder + "/b.png",
                                     "--set=train_data.transform=[{normalize {mean: 0.5 std: 0.25}}]"})
                .exit_code,
            0);
  EXPECT_EQ(GetFile(folder + "/a.png"), GetFile(folder + "/b.png"));
}

TEST(ShowDataTest, MoreThanThereAreIsAll) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const ProgramEnd end = RunExample(
      "show_data", {"--config=" + folder + "/train.textproto", "--count=1000", "--output=" + folder + "/data.png"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr(": 200 of 200 training examples, "));
}

TEST(ShowDataTest, MistakesAreNamed) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const std::string config = "--config=" + folder + "/train.textproto";
  ProgramEnd end = RunExample("show_data", {config, "--output=" + folder + "/none/data.png"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("show_data: cannot write '" + folder + "/none/data.png'"));
  end = RunExample("show_data", {config, "--set=seeed=3", "--output=" + folder + "/data.png"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("did you mean 'seed'?"));
  end = RunExample("show_data",
                   {config, "--data_dir=" + folder, "--set=train_data.idx={}", "--output=" + folder + "/data.png"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("train_data: " + folder));
  end = RunExample("show_data", {config, "--count=0"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "show_data: --count is 0; it must be 1 or more\nshow_data: see --help\n");
  EXPECT_EQ(RunExample("show_data", {}).exit_code, 2);
  EXPECT_EQ(RunExample("show_data", {config, "--output="}).exit_code, 2);
}

}  // namespace
}  // namespace gradus
