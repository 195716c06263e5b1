// What `show_gradients` measures and refuses.
#include <nlohmann/json.hpp>
#include <string>

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
