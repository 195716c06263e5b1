// Against cases that were computed by hand.
#include "train/ranking.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(RankingTest, SeparatedScoresHaveNoErrors) {
  const auto curve = RocCurve({{0.1f, false}, {0.9f, true}, {0.2f, false}, {0.8f, true}});
  EXPECT_EQ(curve.size(), 5u);
  EXPECT_EQ(EqualErrorRate(curve).rate, 0);
  EXPECT_FLOAT_EQ(EqualErrorRate(curve).threshold, 0.8f);
  EXPECT_EQ(AreaUnderRoc(curve), 1);
}

// Thresholds of 0.9, 0.7, 0.5, 0.3 accept: +, +-, +-+, +-+-. At 0.7 half of the negatives are accepted and half of the
// positives are rejected. Of the four pairs of a positive and a negative three are in order.
TEST(RankingTest, OneOfTwoIsOnTheWrongSide) {
  const auto curve = RocCurve({{0.9f, true}, {0.7f, false}, {0.5f, true}, {0.3f, false}});
  ASSERT_EQ(curve.size(), 5u);
  EXPECT_EQ(curve[2].false_accepts, 0.5);
  EXPECT_EQ(curve[2].false_rejects, 0.5);
  EXPECT_EQ(EqualErrorRate(curve).rate, 0.5);
  EXPECT_FLOAT_EQ(EqualErrorRate(curve).threshold, 0.7f);
  EXPECT_EQ(AreaUnderRoc(curve), 0.75);
}

// Accepted: +, +-, +-+, +-++, +-++-... Three positives, four negatives: the rates are (0, 2/3) and (1/4, 2/3), then
// (1/4, 1/3), then (1/4, 0): they cross between the last two, at 1/4.
TEST(RankingTest, InterpolatesBetweenPoints) {
  const auto curve = RocCurve({{6, true}, {5, false}, {4, true}, {3, true}, {2, false}, {1, false}, {0, false}});
  EXPECT_DOUBLE_EQ(EqualErrorRate(curve).rate, 0.25);
}

TEST(RankingTest, EqualScoresCountHalf) {
  const auto curve = RocCurve({{1, true}, {1, false}, {1, true}, {1, false}});
  EXPECT_EQ(curve.size(), 2u);
  EXPECT_EQ(EqualErrorRate(curve).rate, 0.5);
  EXPECT_EQ(AreaUnderRoc(curve), 0.5);
}

TEST(RankingTest, OddCases) {
  const std::vector<std::vector<ScoredExample>> kinds_missing = {
      {}, {{1, true}}, {{1, true}, {2, true}}, {{1, false}}, {{1, false}, {2, false}}};
  for (const std::vector<ScoredExample>& examples : kinds_missing) {
    const auto curve = RocCurve(examples);
    EXPECT_TRUE(std::isnan(EqualErrorRate(curve).rate));
    EXPECT_TRUE(std::isnan(EqualErrorRate(curve).threshold));
    EXPECT_TRUE(std::isnan(AreaUnderRoc(curve)));
  }
  EXPECT_TRUE(std::isnan(AreaUnderRoc({})));
  EXPECT_EQ(AreaUnderRoc(RocCurve({{kNan, true}, {0, false}})), 0);
  EXPECT_EQ(AveragePrecision({}, 0), 0);
  EXPECT_EQ(AveragePrecision({}, 3), 0);
}

// Found: yes, no, yes, of three. Precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3: 1/3 x 1 + 1/3 x 2/3.
TEST(AveragePrecisionTest, IsTheAreaUnderTheEnvelope) {
  EXPECT_DOUBLE_EQ(AveragePrecision({{0.9f, true}, {0.8f, false}, {0.7f, true}}, 3), 5.0 / 9);
  EXPECT_DOUBLE_EQ(AveragePrecision({{0.7f, true}, {0.8f, true}}, 2), 1);
  EXPECT_DOUBLE_EQ(AveragePrecision({{0.7f, true}, {0.8f, false}}, 1), 0.5);
  EXPECT_DOUBLE_EQ(AveragePrecision({{0.8f, true}, {0.8f, false}}, 1), 0.5);  // not by the order of the list
}

}  // namespace
}  // namespace gradus
