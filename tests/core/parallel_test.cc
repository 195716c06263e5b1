#include "core/parallel.h"

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(ParallelFor, CoversEachIndexOnce) {
  for (int threads : {1, 2, 3, 8}) {
    omp_set_num_threads(threads);
    for (int64_t n : {0, 1, 7, 64, 1000}) {
      for (int64_t grain : {0, 1, 16, 5000}) {
        std::vector<std::atomic<int>> visits(n);
        ParallelFor(n, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++visits[i];
        });
        for (int64_t i = 0; i < n; ++i) ASSERT_EQ(visits[i], 1) << threads << " " << n << " " << grain << " " << i;
      }
    }
  }
}

TEST(ParallelFor, SplitsAtMultiplesOfAlign) {
  omp_set_num_threads(4);
  std::atomic<int> misaligned{0};
  ParallelFor(
      100, 1, [&](int64_t begin, int64_t) { misaligned += begin % 8 != 0; }, /*align=*/8);
  EXPECT_EQ(misaligned, 0);
}

TEST(ParallelFor, SparesThreadsForLittleWork) {
  omp_set_num_threads(4);
  std::atomic<int> calls{0};
  ParallelFor(19, 10, [&](int64_t, int64_t) { ++calls; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace gradus
