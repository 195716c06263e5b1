// The data set gradus.SyntheticDigits as a user of the registry sees it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/dataset_registry.h"
#include "data/digit_glyphs.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& text) {
  SyntheticDigits config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return OpenDataset(config, {});
}

struct Example {
  std::vector<float> image = std::vector<float>(28 * 28);
  int32_t label = -1;
};

Example Read(const Dataset& dataset, int64_t index) {
  Example example;
  uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(example.image.data()),
                              reinterpret_cast<uint8_t*>(&example.label)};
  EXPECT_TRUE(dataset.Read(index, columns).ok());
  return example;
}

TEST(SyntheticDigitsTest, IsAFunctionOfSeedSplitAndIndex) {
  const auto a = Open("seed: 1");
  const auto b = Open("seed: 1 examples: 50");
  const auto other_seed = Open("seed: 2");
  const auto test = Open("seed: 1 split: TEST");
  ASSERT_TRUE(a.ok() && b.ok() && other_seed.ok() && test.ok());
  EXPECT_EQ((*a)->size(), 20000);
  EXPECT_EQ((*b)->size(), 50);
  EXPECT_EQ((*test)->size(), 4000);
  EXPECT_EQ((*a)->columns()[0].type.ToString(), "f32[1, 28, 28]");
  for (int64_t i : {17, 3, 49}) {
    EXPECT_EQ(Read(**a, i).image, Read(**b, i).image);
    EXPECT_NE(Read(**a, i).image, Read(**other_seed, i).image);
    EXPECT_NE(Read(**a, i).image, Read(**test, i).image);
    EXPECT_NE(Read(**a, i).image, Read(**a, i + 10).image);
  }
}

TEST(SyntheticDigitsTest, ValuesAreBytesAndLabelsAreBalanced) {
  const auto dataset = Open("");
  ASSERT_TRUE(dataset.ok());
  std::vector<int> count(10);
  for (int64_t i = 0; i < 200; ++i) {
    const Example example = Read(**dataset, i);
    ++count[example.label];
    for (float value : example.image) {
      ASSERT_EQ(value, static_cast<float>(std::lround(value * 255)) / 255);
      ASSERT_TRUE(value >= 0 && value <= 1);
    }
    const auto [least, most] = std::minmax_element(example.image.begin(), example.image.end());
    EXPECT_GT(*most - *least, 0.25f);  // there is something to see
  }
  EXPECT_EQ(count, std::vector<int>(10, 20));
}

TEST(SyntheticDigitsTest, NamesWhatIsWrong) {
  EXPECT_EQ(Open("examples: 0").status().message(), "synthetic_digits: examples 0 is not between 1 and 2^40");
  EXPECT_FALSE(Open("examples: 9223372036854775807").ok());
}

TEST(DigitGlyphsTest, FitTheCanvas) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_GE(GlyphsOfDigit(digit).size(), 2);
    for (const Glyph& glyph : GlyphsOfDigit(digit)) {
      for (const GlyphStroke& stroke : glyph) {
        EXPECT_GE(stroke.size(), 2);
        EXPECT_LE(stroke.size(), static_cast<size_t>(kMaxGlyphPoints));
        for (const GlyphPoint& point : stroke) {
          EXPECT_TRUE(point.x >= 0 && point.x <= 1 && point.y >= 0 && point.y <= 1);
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradus
