// The exponential of the kernels: its values and its ends.
#include "ops/kernels/fast_exp.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(FastExpTest, IsRightToTwoUnitsInTheLastPlace) {
  for (float x = -87.3f; x <= 88; x += 0.00137f) {
    const double expected = std::exp(static_cast<double>(x));
    const auto rounded = static_cast<float>(expected);
    EXPECT_NEAR(FastExp(x), expected, 2.0 * (std::nextafter(rounded, kInfinity) - rounded)) << x;
  }
  EXPECT_EQ(FastExp(0.0f), 1);
  EXPECT_EQ(FastExp(-0.0f), 1);
}

TEST(FastExpTest, IsZeroBelowItsRange) {
  EXPECT_GT(FastExp(-87.3f), 0);
  for (float x : std::vector<float>{std::nextafter(-87.3f, -kInfinity), -88, -1e4f, -1e30f, -kInfinity}) {
    EXPECT_EQ(FastExp(x), 0) << x;
  }
}

TEST(FastExpTest, GivesNaNOfNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(FastExp(nan)));
  EXPECT_TRUE(std::isnan(FastExp(-nan)));
}

}  // namespace
}  // namespace gradus
