#include "graph/memory_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/graph/memory_puzzles.h"

namespace gradus {
namespace {

using Uses = std::vector<BufferUse>;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Plans, checks the plan, and gives its size against the lower bound, which is above 0.
double Ratio(const Uses& uses) {
  const MemoryPlan plan = PlanMemory(uses);
  EXPECT_TRUE(CheckMemoryPlan(uses, plan).ok()) << CheckMemoryPlan(uses, plan);
  for (int64_t offset : plan.offsets) EXPECT_EQ(offset % 64, 0);
  const int64_t bound = PeakLowerBound(uses);
  EXPECT_GE(plan.total_bytes, bound);
  return static_cast<double>(plan.total_bytes) / static_cast<double>(bound);
}

struct Puzzle {
  std::string name;
  Uses uses;
  int64_t best;  // with alignment 1
};

const Puzzle kPuzzles[] = {
    {"nothing", {}, 0},
    {"one", {{100, 3, 7}}, 100},
    {"zero bytes", {{0, 0, 9}, {10, 2, 3}, {0, 2, 2}}, 10},
    {"one after the other", {{10, 0, 1}, {7, 2, 3}, {12, 4, 4}}, 12},
    {"the last step is included", {{10, 0, 2}, {10, 2, 3}}, 20},
    {"ping pong", {{5, 0, 1}, {6, 1, 2}, {5, 2, 3}, {6, 3, 4}}, 11},
    {"pyramid", {{1, 0, 9}, {2, 1, 8}, {3, 2, 7}, {4, 3, 6}}, 10},
    {"staircase", {{4, 0, 1}, {4, 1, 2}, {4, 2, 3}, {4, 3, 4}, {4, 4, 5}}, 8},
    {"activations go while weight gradients come",
     {{8, 0, 5}, {8, 1, 4}, {8, 2, 3}, {8, 4, 6}, {8, 5, 6}, {8, 6, 6}},
     24},
    {"a hole for two", {{6, 0, 1}, {2, 0, 5}, {3, 2, 5}, {3, 2, 4}}, 8},
    {"the first must leave room below", {{4, 0, 2}, {2, 0, 1}, {6, 3, 5}, {2, 2, 5}}, 8},
    {"steps far apart", {{3, -2'000'000'000, 0}, {4, 0, 2'000'000'000}, {5, 2'000'000'000, 2'000'000'000}}, 9},
};

TEST(MemoryPlannerTest, SolvesSmallPuzzlesExactly) {
  for (const Puzzle& puzzle : kPuzzles) {
    const MemoryPlan plan = PlanMemory(puzzle.uses, 1);
    EXPECT_TRUE(CheckMemoryPlan(puzzle.uses, plan).ok()) << puzzle.name << ": " << CheckMemoryPlan(puzzle.uses, plan);
    EXPECT_EQ(plan.total_bytes, puzzle.best) << puzzle.name << "\n" << DrawMemoryPlan(puzzle.uses, plan, 40, 20);
    EXPECT_EQ(PeakLowerBound(puzzle.uses), puzzle.best) << puzzle.name;
  }
}

TEST(MemoryPlannerTest, AlignsOffsetsButNotTheEnd) {
  const Uses uses = {{1, 0, 1}, {65, 0, 1}, {3, 0, 1}};
  for (int64_t alignment : {1, 2, 64, 4096}) {
    const MemoryPlan plan = PlanMemory(uses, alignment);
    EXPECT_TRUE(CheckMemoryPlan(uses, plan).ok());
    for (int64_t offset : plan.offsets) EXPECT_EQ(offset % alignment, 0);
  }
  EXPECT_EQ(PlanMemory(uses, 1).total_bytes, 69);
  EXPECT_LE(PlanMemory(uses, 4096).total_bytes, 2 * 4096 + 65);
}

TEST(MemoryPlannerTest, RandomBuffersStayNearTheBound) {
  for (int count : {2, 10, 100, 1000}) {
    for (int longest : {1, 3, 30, count}) {
      for (uint64_t seed = 0; seed < (count < 1000 ? 5 : 1); ++seed) {
        EXPECT_LE(Ratio(RandomBuffers(count, count, longest, seed)), 1.15) << count << " " << longest << " " << seed;
      }
    }
  }
}

TEST(MemoryPlannerTest, TrainingChainsStayNearTheBound) {
  double worst = 1;
  for (int layers : {1, 3, 8, 20, 50, 100, 1000}) {
    for (double weight_scale : {0.1, 1., 10.}) {
      for (double last_scale : {1., 0.05}) {
        for (bool skips : {false, true}) {
          const double ratio = Ratio(TrainingChain(layers, 1, {weight_scale, last_scale, skips}));
          EXPECT_LE(ratio, layers < 100 ? 1.05 : 1.01) << layers << " " << weight_scale << " " << last_scale << skips;
          worst = std::max(worst, ratio);
        }
      }
    }
  }
  std::printf("worst ratio to the lower bound: %.4f\n", worst);
}

// Time is reported, not judged, but a planner that takes quadratic time would not finish here.
TEST(MemoryPlannerTest, PlansTenThousandLayers) {
  for (int layers : {2500, 5000, 10000}) {
    const Uses uses = TrainingChain(layers, 1, {1, 0.05, true});
    const auto start = std::chrono::steady_clock::now();
    const MemoryPlan plan = PlanMemory(uses);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double ratio = static_cast<double>(plan.total_bytes) / static_cast<double>(PeakLowerBound(uses));
    EXPECT_TRUE(CheckMemoryPlan(uses, plan).ok());
    EXPECT_LE(ratio, 1.01);
    std::printf("%6zu buffers: %.3f s, ratio %.4f\n", uses.size(), seconds.count(), ratio);
  }
  EXPECT_LE(Ratio(RandomBuffers(20000, 20000, 10, 1)), 1.3);
  EXPECT_LE(Ratio(RandomBuffers(20000, 20000, 20000, 1)), 1.1);
  EXPECT_EQ(Ratio(Uses(60000, BufferUse{64, 0, 0})), 1);
}

TEST(MemoryPlannerTest, IsDeterministic) {
  for (int layers : {20, 1000}) {
    const Uses uses = TrainingChain(layers, 3);
    EXPECT_EQ(PlanMemory(uses), PlanMemory(uses));
  }
}

TEST(MemoryPlannerTest, HugeSizesNeitherOverflowNorAbort) {
  const Uses too_large = {{kMost, 0, 0}, {kMost, 0, 1}, {1, 1, 1}};
  EXPECT_EQ(PlanMemory(too_large).total_bytes, kMost);
  EXPECT_EQ(PeakLowerBound(too_large), kMost);
  const Uses large = {{int64_t{1} << 60, 0, 0}, {int64_t{1} << 60, 0, 1}, {int64_t{1} << 60, 1, 1}};
  EXPECT_EQ(PlanMemory(large).total_bytes, int64_t{1} << 61);
  EXPECT_TRUE(CheckMemoryPlan(large, PlanMemory(large)).ok());
}

TEST(PeakLowerBoundTest, IsTheFullestStep) {
  EXPECT_EQ(PeakLowerBound({}), 0);
  EXPECT_EQ(PeakLowerBound(Uses{{3, 0, 1}, {4, 1, 2}, {5, 2, 3}}), 9);
  EXPECT_EQ(PeakLowerBound(Uses{{3, 0, std::numeric_limits<int>::max()}, {4, std::numeric_limits<int>::min(), 0}}), 7);
}

TEST(CheckMemoryPlanTest, FindsWhatIsWrong) {
  const Uses uses = {{10, 0, 2}, {10, 2, 4}, {0, 0, 9}};
  const auto message = [&](std::vector<int64_t> offsets, int64_t total) {
    return std::string(CheckMemoryPlan(uses, {std::move(offsets), total}).message());
  };
  EXPECT_EQ(message({0, 10, 5}, 20), "");
  EXPECT_EQ(message({10, 0, 20}, 20), "");
  EXPECT_EQ(message({0, 9, 0}, 20),
            "buffer 0 (10 bytes at 0, steps 0 to 2) and buffer 1 (10 bytes at 9, steps 2 to 4) overlap");
  EXPECT_EQ(message({0, 0, 0}, 20),
            "buffer 0 (10 bytes at 0, steps 0 to 2) and buffer 1 (10 bytes at 0, steps 2 to 4) overlap");
  EXPECT_EQ(message({0, 10, 0}, 19), "buffer 1 (10 bytes at 10, steps 2 to 4) is not within 19 bytes");
  EXPECT_EQ(message({-1, 10, 0}, 20), "buffer 0 (10 bytes at -1, steps 0 to 2) is not within 20 bytes");
  EXPECT_EQ(message({0, kMost, 0}, kMost),
            "buffer 1 (10 bytes at 9223372036854775807, steps 2 to 4) is not within 9223372036854775807 bytes");
  EXPECT_EQ(message({0, 10}, 20), "plan of 2 buffers for 3");
}

TEST(CheckMemoryPlanTest, SeesThatOneCoversSeveral) {
  const Uses uses = {{10, 1, 1}, {10, 1, 1}, {100, 0, 1}};
  EXPECT_FALSE(CheckMemoryPlan(uses, {{20, 50, 0}, 100}).ok());
  EXPECT_TRUE(CheckMemoryPlan(uses, {{100, 110, 0}, 120}).ok());
}

TEST(DrawMemoryPlanTest, ShowsAPyramid) {
  const Uses uses = {{2, 0, 9}, {2, 1, 8}, {2, 2, 7}, {4, 4, 5}, {2, 8, 9}};
  const MemoryPlan plan = {{0, 2, 4, 6, 8}, 10};
  EXPECT_EQ(DrawMemoryPlan(uses, plan, 20, 5),
            "........dddd....eeee\n"
            "........dddd........\n"
            "....cccccccccccc....\n"
            "..bbbbbbbbbbbbbbbb..\n"
            "aaaaaaaaaaaaaaaaaaaa\n");
}

TEST(DrawMemoryPlanTest, ShowsNothing) {
  EXPECT_EQ(DrawMemoryPlan({}, {}, 3, 2), "...\n...\n");
  EXPECT_EQ(DrawMemoryPlan({}, {}, 0, 2), "");
}

}  // namespace
}  // namespace gradus
