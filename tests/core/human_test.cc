#include "core/human.h"

#include <gtest/gtest.h>

#include <limits>

namespace gradus {
namespace {

TEST(HumanTest, Bytes) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(-999), "-999 B");
  EXPECT_EQ(HumanBytes(1000), "1.0 kB");
  EXPECT_EQ(HumanBytes(17'345'678), "17.3 MB");
  EXPECT_EQ(HumanBytes(-17'345'678), "-17.3 MB");
  EXPECT_EQ(HumanBytes(2'500'000'000), "2.5 GB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::max()), "9.2 EB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<int64_t>::min()), "-9.2 EB");
}

TEST(HumanTest, BytesNeverRoundToAThousand) {
  EXPECT_EQ(HumanBytes(999'949), "999.9 kB");
  EXPECT_EQ(HumanBytes(999'950), "1.0 MB");
  EXPECT_EQ(HumanBytes(999'999'999), "1.0 GB");
}

TEST(HumanTest, Counts) {
  EXPECT_EQ(HumanCount(0), "0");
  EXPECT_EQ(HumanCount(999), "999");
  EXPECT_EQ(HumanCount(-999), "-999");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1'234'567), "1,234,567");
  EXPECT_EQ(HumanCount(-123'456), "-123,456");
  EXPECT_EQ(HumanCount(std::numeric_limits<int64_t>::min()), "-9,223,372,036,854,775,808");
}

}  // namespace
}  // namespace gradus
