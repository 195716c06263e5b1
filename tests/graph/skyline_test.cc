#include "graph/skyline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/random.h"

namespace gradus {
namespace {

TEST(SkylineTest, BlocksFallAndLift) {
  Skyline skyline(6);
  EXPECT_EQ(skyline.Drop(1, 2, 5), 0);
  EXPECT_EQ(skyline.Waste(0, 3), 10);
  EXPECT_EQ(skyline.Drop(2, 4, 1), 5);
  EXPECT_EQ(skyline.Heights(), std::vector<int64_t>({0, 5, 6, 6, 6, 0}));
  EXPECT_EQ(skyline.Waste(2, 4), 0);
  EXPECT_EQ(skyline.Waste(1, 4), 1);
}

TEST(SkylineTest, AgreesWithPlainHeights) {
  for (int steps : {1, 2, 3, 17, 64}) {
    Skyline skyline(steps);
    std::vector<int64_t> heights(steps);
    RandomSequence random(1, "skyline", steps);
    for (int i = 0; i < 200; ++i) {
      const int a = static_cast<int>(random.Below(steps)), b = static_cast<int>(random.Below(steps));
      const int first = std::min(a, b), last = std::max(a, b);
      const auto begin = heights.begin() + first, end = heights.begin() + last + 1;
      const int64_t highest = *std::max_element(begin, end);
      double waste = 0;
      for (auto it = begin; it != end; ++it) waste += static_cast<double>(highest - *it);
      ASSERT_EQ(skyline.Waste(first, last), waste);
      const int64_t size = static_cast<int64_t>(random.Below(100));
      ASSERT_EQ(skyline.Drop(first, last, size), highest);
      std::fill(begin, end, highest + size);
      ASSERT_EQ(skyline.Heights(), heights);
    }
  }
}

}  // namespace
}  // namespace gradus
