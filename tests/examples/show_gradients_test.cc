// What `show_gradients` measures and refuses.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

// y = c b a m + bias, of m the mean of an image, with a = c = 0.1 and b = 0.5; the loss is the mean of y.
TEST(ShowGradientsTest, AgreesWithTheProductRule) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/model.textproto", R"(
      input { name: "image" dims: [1, 28, 28] }
      defaults { dense { bias: false weights_init { constant { value: 0.1 } } } }
      layer { name: "mean" reduce { function: MEAN axes: [1, 2, 3] } }
      layer { name: "row" reshape { dims: [1] } }
      layer { name: "a" dense { units: 1 } }
      layer { name: "b" dense { units: 1 weights_init { constant { value: 0.5 } } } }
      layer { name: "c" dense { units: 1 bias: true } }
      loss { name: "y" value {} })");
  PutFile(folder + "/train.textproto", R"(model: "model.textproto" batch_size: 4
      train_data { synthetic_digits { examples: 16 } })");
  const ProgramEnd end = RunExample("show_gradients", {"--config=" + folder + "/train.textproto"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("a/weights"));
  EXPECT_THAT(end.out, testing::Not(HasSubstr("c/bias")));
  const nlohmann::json json = nlohmann::json::parse(LastLine(end.out));
  // dy/da = m b c, dy/dc = m a b with a = c = 0.1.
  EXPECT_NEAR(json["first_to_last"].get<double>(), 1, 1e-5);
  const ProgramEnd bias = RunExample("show_gradients", {"--config=" + folder + "/train.textproto", "--match=c/bias"});
  EXPECT_NEAR(nlohmann::json::parse(LastLine(bias.out))["first"].get<double>(), 1, 1e-6);  // of the mean of y
  const ProgramEnd b = RunExample("show_gradients", {"--config=" + folder + "/train.textproto", "--match=b/weights"});
  EXPECT_NEAR(nlohmann::json::parse(LastLine(b.out))["first"].get<double>() / json["first"].get<double>(), 0.2, 1e-5);
}

// Each layer multiplies by 1e12: the squares of gradients are beyond a float, or the gradients themselves.
TEST(ShowGradientsTest, GradientsThatExplode) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/model.textproto", R"(
      input { name: "image" dims: [1, 28, 28] }
      defaults { dense { bias: false weights_init { constant { value: 1e12 } } } }
      layer { name: "a" dense { units: 1 } }
      layer { name: "b" dense { units: 1 } }
      layer { name: "c" dense { units: 1 } }
      layer { name: "d" dense { units: 1 } }
      loss { name: "y" value {} })");
  PutFile(folder + "/train.textproto", R"(model: "model.textproto" batch_size: 4
      train_data { synthetic_digits { examples: 16 } })");
  const ProgramEnd end = RunExample("show_gradients", {"--config=" + folder + "/train.textproto"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, testing::ContainsRegex("a/weights +784 +(inf|nan) +not finite\n"));
  EXPECT_TRUE(nlohmann::json::parse(LastLine(end.out))["first"].is_null());
}

// A batch of 32 out of 16 examples is one that only wrapping around can fill.
TEST(ShowGradientsTest, BatchesAreTheTrainers) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const std::vector<std::string> flags = {"--config=" + folder + "/train.textproto", "--set=batch_size=32",
                                          "--set=train_data.synthetic_digits.examples=16"};
  const ProgramEnd dropped = RunExample("show_gradients", flags);
  EXPECT_EQ(dropped.exit_code, 1);
  std::vector<std::string> wrap = flags;
  wrap.push_back("--set=remainder=WRAP");
  const ProgramEnd wrapped = RunExample("show_gradients", wrap);
  EXPECT_EQ(wrapped.exit_code, 0) << wrapped.err;
}

TEST(ShowGradientsTest, OfOneStage) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  PutFile(folder + "/train.textproto", R"(train_data { synthetic_digits { examples: 64 } } batch_size: 8 steps: 1
      stage { name: "first" model: "model.textproto" batch_size: 16 }
      stage { name: "second" model: "model.textproto" init_from { stage: "first" } })");
  const std::string config = "--config=" + folder + "/train.textproto";
  EXPECT_EQ(RunExample("show_gradients", {config, "--stage=first"}).exit_code, 0);
  ProgramEnd end = RunExample("show_gradients", {config});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("train.textproto' has stages; --stage says which: first, second"));
  end = RunExample("show_gradients", {config, "--stage=frist"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("there is no stage 'frist'; did you mean 'first'?"));
  end = RunExample("show_gradients", {config, "--stage=second"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("stage 'second' starts from stage 'first'; --run_dir says in which run that was"));
  ASSERT_EQ(RunExample("train", {config, "--run_dir=" + folder + "/run"}).exit_code, 0);
  end = RunExample("show_gradients", {config, "--stage=second", "--run_dir=" + folder + "/run"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  WriteSmallTraining(folder);
  end = RunExample("show_gradients", {config, "--stage=first"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("has no stages"));
}

TEST(ShowGradientsTest, Mistakes) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  EXPECT_EQ(RunExample("show_gradients", {}).err, "show_gradients: --config is missing\nshow_gradients: see --help\n");
  const ProgramEnd end =
      RunExample("show_gradients", {"--config=" + folder + "/train.textproto", "--match=conv/weights"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("show_gradients: --match: "));
}

}  // namespace
}  // namespace gradus
