// Descents against what is known of them, and what `descend` says.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "examples/descent.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

std::unique_ptr<Descent> Open(const std::string& run, const std::string& name) {
  const std::string path = "examples/descent/" + name + ".textproto";
  absl::StatusOr<std::unique_ptr<Descent>> descent = Descent::Create(run, "--run", GetFile(path), path);
  EXPECT_TRUE(descent.ok()) << descent.status();
  return descent.ok() ? *std::move(descent) : nullptr;
}

Trajectory RunFrom(const std::string& run, const std::string& name, Point start, int64_t steps) {
  const std::unique_ptr<Descent> descent = Open(run, name);
  if (descent == nullptr) return {};
  EXPECT_TRUE(descent->Set(start).ok());
  const absl::StatusOr<Trajectory> trajectory = descent->Run(steps, {-2, 2}, {-2, 2});
  EXPECT_TRUE(trajectory.ok()) << trajectory.status();
  return trajectory.ok() ? *trajectory : Trajectory();
}

// x_n = (1 - rate)^n x_0 and y_n = (1 - 10 rate)^n y_0.
TEST(DescentTest, InABowlEachStepIsAFactor) {
  const Trajectory t = RunFrom("learning_rate: 0.05", "bowl", {1, -2}, 20);
  ASSERT_EQ(t.points.size(), 21u);
  for (int n = 0; n <= 20; ++n) {
    EXPECT_NEAR(t.points[n].x, std::pow(0.95, n), 1e-6);
    EXPECT_NEAR(t.points[n].y, -2 * std::pow(0.5, n), 1e-6);
    EXPECT_NEAR(t.values[n], t.points[n].x * t.points[n].x / 2 + 5 * t.points[n].y * t.points[n].y, 1e-4);
  }
  EXPECT_EQ(t.diverged, -1);
}

TEST(DescentTest, DivergesAboveTwoOverTheCurvature) {
  EXPECT_EQ(RunFrom("learning_rate: 0.19", "bowl", {1, 1}, 300).diverged, -1);
  EXPECT_GT(RunFrom("learning_rate: 0.21", "bowl", {1, 1}, 300).diverged, 0);
  // Numbers that are not finite are an end as well, not an error.
  EXPECT_GT(RunFrom("learning_rate: 1e30", "bowl", {1, 1}, 300).diverged, 0);
}

// A picture far from the origin: the bowl at 5000 is in its middle, and the bowl's bottom is far away from it.
TEST(DescentTest, FarAwayIsFarFromThePicture) {
  const std::unique_ptr<Descent> descent = Open("learning_rate: 0.01", "bowl");
  ASSERT_NE(descent, nullptr);
  ASSERT_TRUE(descent->Set({5000, 0}).ok());
  const absl::StatusOr<Trajectory> near = descent->Run(10, {4998, 5002}, {-2, 2});
  ASSERT_TRUE(near.ok()) << near.status();
  EXPECT_EQ(near->diverged, -1);
  ASSERT_TRUE(descent->Set({0, 0}).ok());
  const absl::StatusOr<Trajectory> far = descent->Run(10, {4998, 5002}, {-2, 2});
  ASSERT_TRUE(far.ok()) << far.status();
  EXPECT_EQ(far->diverged, 0);
}

TEST(DescentTest, EndsInTheNextValley) {
  const std::string run = "learning_rate: 0.05";
  const Trajectory right = RunFrom(run, "two_valleys", {1.5, 1}, 300),
                   left = RunFrom(run, "two_valleys", {-0.2, 1}, 300);
  EXPECT_NEAR(right.points.back().x, 0.945, 0.01);
  EXPECT_NEAR(right.values.back(), -0.61, 0.01);
  EXPECT_NEAR(left.points.back().x, -1.046, 0.01);
  EXPECT_NEAR(left.values.back(), -1.41, 0.01);
  // Momentum carries over the ridge.
  const Trajectory over =
      RunFrom("learning_rate: 0.02 optimizer { sgd { momentum: 0.9 } }", "two_valleys", {1.5, 1}, 300);
  EXPECT_NEAR(over.points.back().x, -1.046, 0.01);
}

TEST(DescentTest, TheValleyIsSlowForAPlainStep) {
  const Trajectory plain = RunFrom("learning_rate: 0.001", "valley", {-1.2, 1}, 300);
  const Trajectory adam = RunFrom("learning_rate: 0.1 optimizer { adam {} }", "valley", {-1.2, 1}, 300);
  EXPECT_GT(plain.values.back(), 1);
  EXPECT_LT(adam.values.back(), -0.7);
}

TEST(DescendTest, DrawsContoursAndPaths) {
  const std::string output = ScratchFolder() + "/d.svg";
  const ProgramEnd end =
      RunExample("descend", {"--model=examples/descent/bowl.textproto", "--run=learning_rate: 0.05",
                             "--run=learning_rate: 0.25", "--start=1,1", "--steps=100", "--output=" + output});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\nsgd, rate 0.05  (1, 1)  (0.005921, "));
  EXPECT_THAT(end.out, HasSubstr("\nsgd, rate 0.25  (1, 1)  diverges at step "));
  const std::string svg = GetFile(output);
  EXPECT_THAT(svg, HasSubstr("stroke=\"#b0b0b0\""));
  EXPECT_THAT(svg, HasSubstr(">sgd, rate 0.05</text>"));
  EXPECT_THAT(svg, HasSubstr(">point[1]</text>"));
}

TEST(DescendTest, Mistakes) {
  const std::string folder = ScratchFolder(), bowl = "--model=examples/descent/bowl.textproto";
  const auto error = [&](const std::vector<std::string>& arguments, int exit_code) {
    const ProgramEnd end = RunExample("descend", arguments);
    EXPECT_EQ(end.exit_code, exit_code) << end.err;
    return end.err;
  };
  EXPECT_EQ(error({}, 2), "descend: --model is missing\ndescend: see --help\n");
  EXPECT_THAT(error({bowl, "--start=1"}, 2), HasSubstr("--start=1: expected two numbers, such as -1.5,2"));
  EXPECT_THAT(error({bowl, "--x=2,-2"}, 2), HasSubstr("--x=2,-2: the first must be below the second"));
  EXPECT_THAT(error({bowl, "--run=rate: 0.1"}, 1), HasSubstr("--run:1:1: message 'Training' has no field 'rate'"));
  EXPECT_THAT(error({bowl, "--run=learning_rate: -1"}, 1),
              HasSubstr("--run:1:1: learning_rate is -1; it must be a number above 0"));
  EXPECT_THAT(error({"--model=" + folder + "/none.textproto"}, 1), HasSubstr("No such file"));
  PutFile(folder + "/m.textproto",
          "variable { name: 'p' dims: [1, 3] init { constant {} } } layer { name: 'a' input: 'p' unary { function: "
          "SQUARE } } loss { name: 'l' input: 'a' value {} }");
  EXPECT_THAT(
      error({"--model=" + folder + "/m.textproto"}, 1),
      HasSubstr("a function of two variables has parameters of two elements in all; this model has 3 (p f32[1, 3])"));
  PutFile(folder + "/m.textproto",
          "input { name: 'x' dims: 2 } layer { name: 'a' dense { units: 1 bias: false } } "
          "loss { name: 'l' input: 'a' value {} }");
  EXPECT_THAT(error({"--model=" + folder + "/m.textproto"}, 1),
              HasSubstr("the model has an input 'x'; a function of two variables is made of `variable`s alone"));
}

}  // namespace
}  // namespace gradus
