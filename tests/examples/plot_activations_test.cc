// Curves of functions against their formulas, and what `plot_activations` says.
#include <cmath>
#include <string>

#include "examples/activation_curves.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

TEST(ActivationCurvesTest, AreTheFunctionAndItsDerivative) {
  const absl::StatusOr<ActivationCurves> sigmoid = CurvesOf(SIGMOID, {-4, 4}, 81);
  ASSERT_TRUE(sigmoid.ok()) << sigmoid.status();
  ASSERT_EQ(sigmoid->value.size(), 81u);
  EXPECT_FLOAT_EQ(sigmoid->value.front().x, -4);
  EXPECT_FLOAT_EQ(sigmoid->slope.back().x, 4);
  for (size_t i = 0; i < 81; ++i) {
    const double s = 1 / (1 + std::exp(-sigmoid->value[i].x));
    EXPECT_NEAR(sigmoid->value[i].y, s, 1e-6);
    EXPECT_NEAR(sigmoid->slope[i].y, s * (1 - s), 1e-6);
  }
  const absl::StatusOr<ActivationCurves> relu = CurvesOf(RELU, {-1, 1}, 3);
  ASSERT_TRUE(relu.ok()) << relu.status();
  EXPECT_EQ(relu->slope[0].y, 0);
  EXPECT_EQ(relu->slope[2].y, 1);
}

// Also those through which no gradient flows, and those that are not everywhere finite.
TEST(ActivationCurvesTest, AllFunctionsHaveThem) {
  for (int i = UnaryFunction_MIN; i <= UnaryFunction_MAX; ++i) {
    if (i == NONE || !UnaryFunction_IsValid(i)) continue;
    const absl::StatusOr<ActivationCurves> curves = CurvesOf(static_cast<UnaryFunction>(i), {-2, 2}, 5);
    ASSERT_TRUE(curves.ok()) << i << curves.status();
    EXPECT_TRUE(std::isfinite(curves->slope.back().y)) << i;
  }
}

TEST(PlotActivationsTest, SaysWhatSaturates) {
  const std::string output = ScratchFolder() + "/a.svg";
  const ProgramEnd end = RunExample("plot_activations", {"--output=" + output, "--range=5"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("f(-5)    f(5)     f'(-5)  f'(0)      f'(5)  largest f'\n"));
  EXPECT_THAT(end.out, HasSubstr("\nSIGMOID  0.006693  0.9933   0.006648   0.25   0.006648        0.25\n"));
  EXPECT_THAT(end.out, HasSubstr("\nRELU            0       5          0      0          1           1\n"));
  const std::string svg = GetFile(output);
  EXPECT_THAT(svg, HasSubstr(">TANH</text>"));
  EXPECT_THAT(svg, HasSubstr(">f'(x)</text>"));
}

TEST(PlotActivationsTest, Mistakes) {
  ProgramEnd end = RunExample("plot_activations", {"--functions=TANH,RELUU"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err,
            "plot_activations: --functions: there is no function 'RELUU'; did you mean 'RELU'?\n"
            "plot_activations: see --help\n");
  end = RunExample("plot_activations", {"--range=-1"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_THAT(end.err, HasSubstr("--range is -1; it must be above 0"));
  end = RunExample("plot_activations", {"--output=/nowhere/a.svg"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace gradus
