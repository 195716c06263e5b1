#include "data/random_permutation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

namespace gradus {
namespace {

std::vector<int64_t> All(int64_t n, uint64_t seed, int64_t number) {
  const RandomPermutation permutation(n, seed, number);
  std::vector<int64_t> all(n);
  for (int64_t i = 0; i < n; ++i) all[i] = permutation(i);
  return all;
}

TEST(RandomPermutationTest, HoldsEveryElementOnce) {
  for (int64_t n : {1, 2, 3, 4, 5, 7, 10, 16, 17, 99, 100, 101, 1000, 4097}) {
    std::vector<int64_t> all = All(n, 1, 0);
    std::sort(all.begin(), all.end());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(all[i], i) << "n = " << n;
  }
}

TEST(RandomPermutationTest, IsAFunctionOfSeedAndNumber) {
  EXPECT_EQ(All(100, 1, 0), All(100, 1, 0));
  EXPECT_NE(All(100, 1, 0), All(100, 2, 0));
  EXPECT_NE(All(100, 1, 0), All(100, 1, 1));
}

TEST(RandomPermutationTest, StaysInRangeForTheLargest) {
  const int64_t n = int64_t{1} << 60;
  const RandomPermutation permutation(n, 1, 0);
  for (int64_t place : {int64_t{0}, int64_t{1}, n / 2, n - 1}) {
    EXPECT_GE(permutation(place), 0);
    EXPECT_LT(permutation(place), n);
  }
}

// The 24 orders of 4 elements come up alike often: chi squared with 23 degrees of freedom is above 60 once in 30,000.
TEST(RandomPermutationTest, OrdersAreUniform) {
  constexpr int kTrials = 24000;
  std::map<std::vector<int64_t>, int> counts;
  for (int i = 0; i < kTrials; ++i) ++counts[All(4, 7, i)];
  EXPECT_EQ(counts.size(), 24);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += std::pow(count - 1000.0, 2) / 1000;
  EXPECT_LT(chi_squared, 60);
}

// Where an element goes says nothing about where its neighbour goes: the correlation of both is about 1 / sqrt(n).
TEST(RandomPermutationTest, NeighboursPart) {
  constexpr int64_t kN = 60000;
  const std::vector<int64_t> all = All(kN, 3, 5);
  double sum = 0, with_place = 0;
  const double mean = (kN - 1) / 2.0, variance = (static_cast<double>(kN) * kN - 1) / 12;
  for (int64_t i = 0; i + 1 < kN; ++i) {
    sum += (all[i] - mean) * (all[i + 1] - mean);
    with_place += (all[i] - mean) * (i - mean);
  }
  EXPECT_LT(std::abs(sum / kN / variance), 5 / std::sqrt(kN));
  EXPECT_LT(std::abs(with_place / kN / variance), 5 / std::sqrt(kN));
}

}  // namespace
}  // namespace gradus
