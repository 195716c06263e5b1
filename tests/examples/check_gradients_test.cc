// What `check_gradients` finds, prints and refuses.
#include <string>

#include "examples/model_gradient_check.h"
#include "gmock/gmock.h"
#include "graph/gradient.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

constexpr char kTwoLayers[] = R"(
name: "two_layers"
input { name: "image" dims: [2, 6, 6] }
input { name: "label" dtype: INT32 }
layer { name: "conv" conv { filters: 3 kernel: 3 activation: RELU } }
layer { name: "pool" pool { kernel: 2 } }
layer { name: "logits" dense { units: 4 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
)";

TEST(CheckGradientsTest, RightGradientsPass) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, kTwoLayers);
  const ProgramEnd end = RunExample("check_gradients", {"--model=" + model});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.err, "");
  for (const char* parameter : {"conv/weights    [3, 2, 3, 3]        21", "conv/bias       [3]                  4",
                                "logits/weights  [4, 12]             21", "logits/bias     [4]                  5"}) {
    EXPECT_THAT(end.out, HasSubstr(parameter));
  }
  EXPECT_THAT(end.out, HasSubstr("\nworst: "));
  EXPECT_EQ(RunExample("check_gradients", {"--model=" + model}).out, end.out);
  EXPECT_NE(RunExample("check_gradients", {"--model=" + model, "--seed=2"}).out, end.out);
}

// A rule that forgets the weights: dw = 0.
absl::Status WrongDenseGradient(GradientContext& /*context*/) { return absl::OkStatus(); }

TEST(CheckGradientsTest, WrongGradientsAreNamed) {
  const auto model = LoadModelText(R"(
      input { name: "x" dims: 5 }
      input { name: "label" dtype: INT32 }
      layer { name: "first" dense { units: 4 bias: false } }
      layer { name: "second" unary { function: SQUARE } }
      loss { name: "xent" target: "label" softmax_cross_entropy {} })",
                                   "model.textproto");
  ASSERT_TRUE(model.ok()) << model.status();
  ModelGradientOptions options;
  auto report = CheckModelGradients(*model, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(JudgeGradients(*report).ok()) << JudgeGradients(*report);

  options.check.gradient.overrides["Dense"] = WrongDenseGradient;
  report = CheckModelGradients(*model, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(std::string(JudgeGradients(*report).message()),
              HasSubstr("wrong gradients:\n  first/weights [4, 5]: 21 compared, worst "));
  EXPECT_THAT(GradientTable(*report), HasSubstr("worst: first/weights, relative error 1.0e+00 at "));
}

TEST(CheckGradientsTest, ModelsWithNothingToCheckAreErrors) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, "input { name: 'x' dims: 4 } layer { name: 'a' dense { units: 3 } }");
  EXPECT_EQ(RunExample("check_gradients", {"--model=" + model}).err,
            "check_gradients: " + model + ": it has no loss that runs in training\n");
  PutFile(model, "input { name: 'x' dims: 4 } layer { name: 'a' flatten {} } loss { name: 'l' value {} }");
  EXPECT_EQ(RunExample("check_gradients", {"--model=" + model}).err,
            "check_gradients: " + model + ": it has no parameter\n");
}

TEST(CheckGradientsTest, BatchesThatFitIntoNoMemoryAreRefused) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, kTwoLayers);
  const ProgramEnd end = RunExample("check_gradients", {"--model=" + model, "--batch=100000000000"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("the model's values need about "));
  EXPECT_THAT(end.err, HasSubstr("a smaller batch needs less"));
}

TEST(CheckGradientsTest, WrongFlags) {
  EXPECT_EQ(RunExample("check_gradients", {}).exit_code, 2);
  EXPECT_EQ(RunExample("check_gradients", {"--model=x", "--batch=0"}).exit_code, 2);
  EXPECT_EQ(RunExample("check_gradients", {"--model=x", "--elements=0"}).exit_code, 2);
  EXPECT_EQ(RunExample("check_gradients", {"--model=x", "--tolerance=nan"}).exit_code, 2);
}

}  // namespace
}  // namespace gradus
