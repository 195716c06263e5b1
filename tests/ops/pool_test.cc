// Pooling as a layer, and what rows of numbers do not reach: NaN, infinity, equal elements.
#include "ops/pool.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"
#include "tests/testlib/run_kernel.h"

namespace gradus {
namespace {

std::string Lowered(const std::string& text, const TensorType& x) { return LoweredLayer<Pool, LayerEntry>(text, {x}); }

TEST(PoolLayerTest, StrideDefaultsToTheKernel) {
  EXPECT_EQ(Lowered("kernel: 2", F32({64, 20, 24, 24})),
            "MaxPool kernel=[2, 2] stride=[2, 2] dilation=[1, 1] pad_begin=[0, 0] pad_end=[0, 0] : "
            "f32[64, 20, 12, 12]");
  EXPECT_EQ(Lowered("kernel: 3 stride: 1 padding: SAME", F32({2, 7, 5})),
            "MaxPool kernel=[3] stride=[1] dilation=[1] pad_begin=[1] pad_end=[1] : f32[2, 7, 5]");
}

TEST(PoolLayerTest, GlobalIsTheWholeMap) {
  EXPECT_EQ(Lowered("kind: AVERAGE global: true", F32({2, 7, 5, 4})),
            "AveragePool kernel=[5, 4] stride=[5, 4] dilation=[1, 1] pad_begin=[0, 0] pad_end=[0, 0] "
            "count_padding=true ceil_rows=[0, 0] : f32[2, 7, 1, 1]");
}

TEST(PoolLayerTest, CeilAddsARowThatNoAverageCounts) {
  EXPECT_EQ(Lowered("kind: AVERAGE kernel: 3 stride: 2 ceil: true pad: 1 count_padding: false", F32({2, 7, 6, 6})),
            "AveragePool kernel=[3, 3] stride=[2, 2] dilation=[1, 1] pad_begin=[1, 1] pad_end=[2, 2] "
            "count_padding=false ceil_rows=[1, 1] : f32[2, 7, 4, 4]");
}

TEST(PoolLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered("", F32({2, 7, 6, 6})), "layer: 'name': has no kernel");
  EXPECT_EQ(Lowered("global: true kernel: 2", F32({2, 7, 6, 6})),
            "global: 'name': global takes the whole map: no kernel, stride, pad or padding");
  EXPECT_EQ(Lowered("global: true", F32({2, 7})),
            "layer: 'name': expected f32[N, C, ...] with 1 to 3 spatial dimensions, none but N empty; got f32[2, 7]");
  EXPECT_EQ(Lowered("kernel: 7", F32({2, 7, 6, 6})),
            "kernel: 'name': the window [7, 7] is larger than the padded input [6, 6]");
}

MaxPoolAttrs Pairs() { return {{{1, 2}, {1, 2}, {1, 1}, {0, 0}, {0, 0}}}; }

std::vector<float> MaxOfPairs(const std::vector<float>& x) {
  const auto y = RunKernel("MaxPool", {{F32({1, 1, 1, static_cast<int64_t>(x.size())}), x.data()}}, Pairs());
  EXPECT_TRUE(y.ok()) << y.status();
  return y.ok() ? *y : std::vector<float>();
}

TEST(MaxPoolTest, NanIsTheMaximum) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> y = MaxOfPairs({1, nan, nan, 1, nan, nan, 1, 2});
  ASSERT_EQ(y.size(), 4u);
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && std::isnan(y[2]));
  EXPECT_EQ(y[3], 2);
}

// Windows side by side fill vectors, which are compared as numbers first.
TEST(MaxPoolTest, NanIsTheMaximumAmongNeighbours) {
  std::vector<float> x(17);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  for (const float infinity : {1.0f, std::numeric_limits<float>::infinity()}) {
    x[12] = -infinity;
    x[13] = infinity;
    const auto y =
        RunKernel("MaxPool", {{F32({1, 1, 1, 17}), x.data()}}, MaxPoolAttrs{{{1, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}});
    ASSERT_TRUE(y.ok()) << y.status();
    for (int i = 0; i < 16; ++i) {
      if (i == 4 || i == 5) {
        EXPECT_TRUE(std::isnan((*y)[i])) << i;
      } else {
        EXPECT_EQ((*y)[i], std::max(x[i], x[i + 1])) << i;
      }
    }
  }
}

TEST(MaxPoolTest, InfinitiesAreNumbers) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(MaxOfPairs({-inf, -inf, -inf, 0, inf, 0, -1, inf}), (std::vector<float>{-inf, 0, inf, inf}));
}

// Threads that share a channel take some of its rows each.
TEST(PoolTest, AnyNumberOfThreadsGivesTheSameBytes) {
  std::vector<float> x(7 * 64 * 64);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 10007);
  const std::vector<KernelInput> inputs = {{F32({1, 7, 64, 64}), x.data()}};
  const Window window = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  const int threads_before = omp_get_max_threads();
  std::vector<float> largest, average;
  for (int threads : {1, 2, 3, 5}) {
    omp_set_num_threads(threads);
    const auto max = RunKernel("MaxPool", inputs, MaxPoolAttrs{window});
    const auto mean = RunKernel("AveragePool", inputs, AveragePoolAttrs{window, true, {1, 1}});
    ASSERT_TRUE(max.ok() && mean.ok());
    if (threads == 1) {
      largest = *max;
      average = *mean;
    }
    EXPECT_EQ(*max, largest) << threads << " threads";
    EXPECT_EQ(*mean, average) << threads << " threads";
  }
  omp_set_num_threads(threads_before);
}

}  // namespace
}  // namespace gradus
