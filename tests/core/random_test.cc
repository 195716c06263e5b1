#include "core/random.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(StableHash, IsFnv1a) {
  EXPECT_EQ(StableHash(""), 0xcbf29ce484222325u);
  EXPECT_EQ(StableHash("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(StableHash("foobar"), 0x85944171f73967e8u);
}

// The known answer of Random123's kat_vectors for a zero counter and key: nothing may change the numbers of a seed.
TEST(Philox, GivesTheKnownAnswer) {
  EXPECT_EQ(Philox(0, uint64_t{0})(0), (Philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Philox, DependsOnEverything) {
  const Philox::Block block = Philox(1, "conv1/weights")(5, 7);
  EXPECT_EQ(block, Philox(1, "conv1/weights")(5, 7));
  EXPECT_NE(block, Philox(2, "conv1/weights")(5, 7));
  EXPECT_NE(block, Philox(1, "conv1/bias")(5, 7));
  EXPECT_NE(block, Philox(1, "conv1/weights")(6, 7));
  EXPECT_NE(block, Philox(1, "conv1/weights")(5, 8));
  EXPECT_NE(block, Philox(1 + (uint64_t{1} << 32), "conv1/weights")(5, 7));
}

TEST(Uniform, StaysInItsInterval) {
  EXPECT_EQ(UniformFloat(0), 0.0f);
  EXPECT_LT(UniformFloat(0xffffffff), 1.0f);
  EXPECT_GT(UniformOpen(0), 0.0);
  EXPECT_LT(UniformOpen(0xffffffff), 1.0);
}

TEST(Normal, HasItsMoments) {
  const Philox philox(3, "x");
  double sum = 0, squares = 0;
  constexpr int kBlocks = 50000;
  for (int i = 0; i < kBlocks; ++i) {
    const Philox::Block block = philox(i);
    for (double value : Normal(block[0], block[1])) {
      ASSERT_TRUE(std::isfinite(value));
      sum += value;
      squares += value * value;
    }
  }
  EXPECT_NEAR(sum / (2 * kBlocks), 0, 0.015);
  EXPECT_NEAR(squares / (2 * kBlocks), 1, 0.02);
  EXPECT_TRUE(std::isfinite(Normal(0, 0)[0]));
}

TEST(RandomSequence, DrawsBelowWithoutBias) {
  RandomSequence sequence(1, "shuffle");
  std::vector<int> counts(3);
  for (int i = 0; i < 30000; ++i) ++counts[sequence.Below(3)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_EQ(sequence.Below(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(sequence.Below(~uint64_t{0}), ~uint64_t{0});
}

TEST(RandomSequence, SubstreamsDiffer) {
  std::set<uint32_t> first;
  for (uint64_t substream = 0; substream < 100; ++substream) {
    first.insert(RandomSequence(1, "augment", substream).Next());
  }
  EXPECT_EQ(first.size(), 100);
  RandomSequence a(1, "augment", 7), b(1, "augment", 7);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(a.Next(), b.Next());
}

}  // namespace
}  // namespace gradus
