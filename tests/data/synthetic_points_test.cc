// The data set gradus.SyntheticPoints.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset_registry.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& text) {
  SyntheticPoints config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return OpenDataset(config, {});
}

template <typename Target>
struct Example {
  std::vector<float> point;
  Target target = -1;
};

template <typename Target>
Example<Target> Read(const Dataset& dataset, int64_t index) {
  Example<Target> example;
  example.point.resize(dataset.columns()[0].type.shape[0]);
  uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(example.point.data()),
                              reinterpret_cast<uint8_t*>(&example.target)};
  EXPECT_TRUE(dataset.Read(index, columns).ok());
  return example;
}

TEST(SyntheticPointsTest, IsAFunctionOfSeedSplitAndIndex) {
  const auto a = Open("seed: 1"), b = Open("seed: 1 examples: 50"), other = Open("seed: 2"), test = Open("split: TEST");
  ASSERT_TRUE(a.ok() && b.ok() && other.ok() && test.ok());
  EXPECT_EQ((*a)->size(), 1000);
  EXPECT_EQ((*b)->size(), 50);
  EXPECT_EQ((*test)->size(), 500);
  EXPECT_EQ((*a)->columns()[0].type.ToString(), "f32[2]");
  EXPECT_EQ((*a)->columns()[1].type.ToString(), "i32[]");
  EXPECT_EQ(Read<int32_t>(**a, 7).point, Read<int32_t>(**b, 7).point);
  EXPECT_NE(Read<int32_t>(**a, 7).point, Read<int32_t>(**a, 8).point);
  EXPECT_NE(Read<int32_t>(**a, 7).point, Read<int32_t>(**other, 7).point);
  EXPECT_NE(Read<int32_t>(**a, 7).point, Read<int32_t>(**test, 7).point);
}

// The rule of the perceptron ends without errors, after at most (R / margin)^2 corrections (Novikoff, 1962), and what
// it has found separates the test points, too, but for some close to the line.
TEST(SyntheticPointsTest, ClassesAreSeparable) {
  for (const char* text : {"seed: 1 margin: 0.2", "seed: 2 margin: 0.2 dims: 5", "seed: 3 margin: 0.5 dims: 1"}) {
    const auto train = Open(text), test = Open(std::string(text) + " split: TEST");
    ASSERT_TRUE(train.ok() && test.ok());
    std::vector<double> w((*train)->columns()[0].type.shape[0] + 1);  // the last is the bias
    int positives = 0, corrections = 0;
    const auto score = [&w](const std::vector<float>& x) {
      double sum = w.back();
      for (size_t i = 0; i < x.size(); ++i) sum += w[i] * static_cast<double>(x[i]);
      return sum;
    };
    for (bool wrong = true; wrong;) {
      wrong = false;
      positives = 0;
      for (int64_t i = 0; i < (*train)->size(); ++i) {
        const Example<int32_t> example = Read<int32_t>(**train, i);
        const double side = example.target == 1 ? 1 : -1;
        positives += example.target;
        if (side * score(example.point) > 0) continue;
        wrong = true;
        ++corrections;
        for (size_t k = 0; k < example.point.size(); ++k) w[k] += side * static_cast<double>(example.point[k]);
        w.back() += side;
      }
      ASSERT_LE(corrections, 200) << text;
    }
    EXPECT_GT(positives, 200) << text;
    EXPECT_LT(positives, 800) << text;
    int right = 0;
    for (int64_t i = 0; i < (*test)->size(); ++i) {
      const Example<int32_t> example = Read<int32_t>(**test, i);
      right += (score(example.point) > 0) == (example.target == 1) ? 1 : 0;
    }
    EXPECT_GE(right, 480) << text;
  }
}

TEST(SyntheticPointsTest, XorsClassIsTheProductOfSigns) {
  const auto dataset = Open("kind: XOR noise: 0.1 seed: 4");
  ASSERT_TRUE(dataset.ok());
  int ones = 0;
  for (int64_t i = 0; i < (*dataset)->size(); ++i) {
    const Example<int32_t> example = Read<int32_t>(**dataset, i);
    EXPECT_EQ(example.target, example.point[0] * example.point[1] < 0 ? 1 : 0);
    EXPECT_NEAR(std::abs(example.point[0]), 1, 0.6);
    ones += example.target;
  }
  EXPECT_NEAR(ones, 500, 80);
}

TEST(SyntheticPointsTest, LinesValueIsLinear) {
  const auto dataset = Open("kind: LINE noise: 0 dims: 1 seed: 5");
  ASSERT_TRUE(dataset.ok());
  EXPECT_EQ((*dataset)->columns()[1].name, "value");
  const Example<float> a = Read<float>(**dataset, 0), b = Read<float>(**dataset, 1);
  const double slope = (b.target - a.target) / (b.point[0] - a.point[0]);
  EXPECT_NEAR(std::abs(slope), 1, 1e-4);
  for (int64_t i = 2; i < 50; ++i) {
    const Example<float> c = Read<float>(**dataset, i);
    EXPECT_NEAR(c.target, a.target + slope * (c.point[0] - a.point[0]), 1e-4);
  }
}

TEST(SyntheticPointsTest, SaysWhatIsWrong) {
  struct Row {
    const char *text, *message;
  };
  const Row rows[] = {
      {"examples: 0", "synthetic_points: examples 0 is not between 1 and 2^40"},
      {"dims: 0", "synthetic_points: dims 0 is not between 1 and 65536"},
      {"kind: LINE dims: 9999999999", "synthetic_points: dims 9999999999 is not between 1 and 65536"},
      {"kind: XOR dims: 3", "synthetic_points: dims 3, but XOR's points have 2 coordinates"},
      {"margin: 0.6", "synthetic_points: margin 0.6 is not between 0 and 0.5"},
      {"margin: nan", "synthetic_points: margin nan is not between 0 and 0.5"},
      {"kind: XOR margin: 0.1", "synthetic_points: margin is for SEPARABLE; XOR has noise"},
      {"noise: 0.1", "synthetic_points: noise is for XOR and LINE; SEPARABLE has a margin"},
      {"kind: LINE noise: -1", "synthetic_points: noise -1 is not between 0 and 1e+30"},
      {"kind: LINE noise: nan", "synthetic_points: noise nan is not between 0 and 1e+30"},
      {"kind: XOR noise: 1e39", "synthetic_points: noise 1e+39 is not between 0 and 1e+30"},
      {"kind: LINE noise: inf", "synthetic_points: noise inf is not between 0 and 1e+30"},
  };
  for (const Row& row : rows) EXPECT_EQ(Open(row.text).status().message(), row.message);
}

}  // namespace
}  // namespace gradus
