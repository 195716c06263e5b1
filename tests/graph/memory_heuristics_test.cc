#include "graph/memory_heuristics.h"

#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <vector>

#include "graph/memory_planner.h"
#include "tests/graph/memory_puzzles.h"

namespace gradus {
namespace {

using Offsets = std::vector<int64_t>;

std::vector<MemoryBlock> BlocksOf(const std::vector<BufferUse>& uses) {
  std::vector<MemoryBlock> blocks;
  for (const BufferUse& use : uses) {
    if (use.bytes > 0) blocks.push_back({use.bytes, use.first_step, use.last_step});
  }
  return blocks;
}

absl::Status Check(const std::vector<MemoryBlock>& blocks, const Packing& packing) {
  std::vector<BufferUse> uses;
  for (const MemoryBlock& block : blocks) uses.push_back({block.size, block.first, block.last});
  return CheckMemoryPlan(uses, {packing.offsets, packing.height});
}

TEST(MemoryHeuristicsTest, InOrderTakesTheSmallestGap) {
  // Gaps of 3 and 2 between the first four, then of what is left of them.
  const std::vector<MemoryBlock> blocks = {{1, 0, 9}, {3, 0, 1}, {1, 0, 9}, {2, 0, 1}, {1, 0, 9}, {2, 2, 9}, {2, 2, 9}};
  const Packing packing = PackInOrder(blocks, {0, 1, 2, 3, 4, 5, 6});
  EXPECT_EQ(packing.offsets, Offsets({0, 1, 4, 5, 7, 5, 1}));
  EXPECT_EQ(packing.height, 8);
}

TEST(MemoryHeuristicsTest, ThroughTimeReusesAndJoins) {
  const std::vector<MemoryBlock> blocks = {{2, 0, 0}, {1, 0, 0}, {3, 1, 2}, {1, 2, 2}, {4, 3, 3}};
  const Packing packing = PackThroughTime(blocks);
  EXPECT_EQ(packing.offsets, Offsets({0, 2, 0, 3, 0}));
  EXPECT_EQ(packing.height, 4);
}

TEST(MemoryHeuristicsTest, ThroughTimeContinuesAFreeEnd) {
  const std::vector<MemoryBlock> blocks = {{2, 0, 2}, {3, 0, 0}, {5, 1, 2}};
  EXPECT_EQ(PackThroughTime(blocks).height, 10);  // the 2 above the 3 is in the way
  const std::vector<MemoryBlock> end_free = {{3, 0, 2}, {2, 0, 0}, {5, 1, 2}};
  EXPECT_EQ(PackThroughTime(end_free).offsets, Offsets({0, 3, 3}));
}

TEST(MemoryHeuristicsTest, StacksStandAndHang) {
  // Activations in 0..5, 1..4, 2..3; weight gradients in 4..6 and 5..6; scratch in 3 and 6.
  const std::vector<MemoryBlock> blocks = {{8, 0, 5}, {8, 1, 4}, {8, 2, 3}, {8, 4, 6}, {8, 5, 6}, {2, 3, 3}, {9, 6, 6}};
  const std::optional<Packing> packing = PackOnStacks(blocks, 7, 1, 0);
  ASSERT_TRUE(packing.has_value());
  EXPECT_EQ(packing->offsets, Offsets({0, 8, 16, 16, 8, 24, 24}));
  EXPECT_TRUE(Check(blocks, *packing).ok()) << Check(blocks, *packing);
}

TEST(MemoryHeuristicsTest, StacksGiveUpWhereTooMuchIsShort) {
  const std::vector<MemoryBlock> blocks(1000, MemoryBlock{1, 0, 0});
  EXPECT_FALSE(PackOnStacks(blocks, 1, 1, 0).has_value());
  EXPECT_TRUE(PackOnStacks(blocks, 1, 0, 0).has_value());
}

TEST(MemoryHeuristicsTest, SearchIsNoWorseThanItsOrders) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<MemoryBlock> blocks = BlocksOf(TrainingChain(10, seed));
    const Packing unimproved = PackBySearch(blocks, 0, 0);
    const Packing improved = PackBySearch(blocks, 0, 1 << 20);
    EXPECT_LE(improved.height, unimproved.height);
    EXPECT_TRUE(Check(blocks, improved).ok()) << Check(blocks, improved);
  }
}

TEST(MemoryHeuristicsTest, AllMakeValidPackings) {
  constexpr int kSteps = 60;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (int longest : {1, 4, 60}) {
      const std::vector<MemoryBlock> blocks = BlocksOf(RandomBuffers(100, kSteps, longest, seed));
      std::vector<int> order(blocks.size());
      std::iota(order.begin(), order.end(), 0);
      EXPECT_TRUE(Check(blocks, PackInOrder(blocks, order)).ok()) << Check(blocks, PackInOrder(blocks, order));
      EXPECT_TRUE(Check(blocks, PackThroughTime(blocks)).ok()) << Check(blocks, PackThroughTime(blocks));
      for (int longest_short : {0, 3, 60}) {
        for (int64_t ceiling : {0, 1'000'000}) {
          const std::optional<Packing> stacks = PackOnStacks(blocks, kSteps, longest_short, ceiling);
          if (!stacks.has_value()) continue;
          EXPECT_TRUE(Check(blocks, *stacks).ok()) << Check(blocks, *stacks);
        }
      }
    }
  }
}

}  // namespace
}  // namespace gradus
