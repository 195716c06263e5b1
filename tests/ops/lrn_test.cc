// Local response normalisation as a layer, against numbers worked out by hand, and on tensors of more tiles than rows
// of tests/ops/op_cases.h should have.
#include "ops/lrn.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"
#include "tests/testlib/run_kernel.h"

namespace gradus {
namespace {

std::string Lowered(const std::string& text, const TensorType& x) { return LoweredLayer<Lrn, LayerEntry>(text, {x}); }

TEST(LrnLayerTest, HasTheUsualDefaults) {
  EXPECT_EQ(Lowered("", F32({2, 7, 3, 3})), "Lrn size=5 alpha=0.0001 beta=0.75 k=1 : f32[2, 7, 3, 3]");
  EXPECT_EQ(Lowered("size: 3 alpha: 0.25 beta: 0.5 k: 2", F32({2, 7})),
            "Lrn size=3 alpha=0.25 beta=0.5 k=2 : f32[2, 7]");
}

TEST(LrnLayerTest, SaysWhatIsWrong) {
  const TensorType x = F32({2, 7, 3, 3});
  const std::string odd = "; it must be odd and above 0: the window has a channel in its middle";
  EXPECT_EQ(Lowered("size: 4", x), "size: 'name': size is 4" + odd);
  EXPECT_EQ(Lowered("size: 0", x), "size: 'name': size is 0" + odd);
  EXPECT_EQ(Lowered("size: -5", x), "size: 'name': size is -5" + odd);
  EXPECT_EQ(Lowered("alpha: -1e-4", x), "alpha: 'name': alpha is -0.0001; it must be 0 or more");
  EXPECT_EQ(Lowered("alpha: inf", x), "alpha: 'name': alpha is inf; it must be 0 or more");
  EXPECT_EQ(Lowered("beta: nan", x), "beta: 'name': beta is nan; it must be a number");
  EXPECT_EQ(Lowered("k: 0", x), "k: 'name': k is 0; it must be above 0");
  EXPECT_EQ(Lowered("k: -2", x), "k: 'name': k is -2; it must be above 0");
  EXPECT_EQ(Lowered("k: nan", x), "k: 'name': k is nan; it must be above 0");
  EXPECT_EQ((LoweredLayer<Lrn, LayerEntry>("", {x, x})), "layer: 'name': takes 1 input; it has 2");
  EXPECT_EQ(Lowered("", F32({7})), "layer: 'name': Lrn(f32[7]): expected f32[N, C] or f32[N, C, ...]; got f32[7]");
}

// alpha / size is 1: s = 1 + 1 + 4 for the first channel.
TEST(LrnTest, DividesAlphaByTheSize) {
  const std::vector<float> x = {1, 2, 3};
  const auto y = RunKernel("Lrn", {{F32({1, 3}), x.data()}}, LrnAttrs{3, 3, 1, 1});
  ASSERT_TRUE(y.ok()) << y.status();
  const float expected[] = {1.0f / 6, 2.0f / 15, 3.0f / 14};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR((*y)[i], expected[i], 1e-6) << i;
}

TEST(LrnTest, NanStaysInItsWindow) {
  const std::vector<float> x = {1, 1, 1, NAN, 1, 1, 1};
  const auto y = RunKernel("Lrn", {{F32({1, 7}), x.data()}}, LrnAttrs{3, 3, 0.75, 1});
  ASSERT_TRUE(y.ok()) << y.status();
  for (int c = 0; c < 7; ++c) EXPECT_EQ(std::isnan((*y)[c]), c >= 2 && c <= 4) << c;
}

// Rows of positions: tiles of 192 of them for 80 channels, and a shorter last one.
TEST(LrnTest, TilesMeet) {
  constexpr int64_t kChannels = 80, kPositions = 29 * 31;
  std::vector<float> x(2 * kChannels * kPositions);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
  const auto y = RunKernel("Lrn", {{F32({2, kChannels, 29, 31}), x.data()}}, LrnAttrs{5, 2, 0.75, 1});
  ASSERT_TRUE(y.ok()) << y.status();
  for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
    const int64_t c = i / kPositions % kChannels;
    double sum = 0;
    for (int64_t other = std::max<int64_t>(0, c - 2); other < std::min(kChannels, c + 3); ++other) {
      const double v = x[i + (other - c) * kPositions];
      sum += v * v;
    }
    ASSERT_NEAR((*y)[i], x[i] * std::pow(1 + 0.4 * sum, -0.75), 2e-6) << i;
  }
}

// Lines of single positions in tiles, with channels that fill no whole vectors.
TEST(LrnTest, GradientsOfTilesMeet) {
  struct Size {
    int64_t positions, channels;
  };
  for (const auto [positions, channels] : {Size{400, 20}, Size{1100, 3}, Size{200, 100}, Size{1000, 16}}) {
    std::vector<float> x(positions * channels), dy(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(i * 2654435761u % 1000) / 500 - 1;
      dy[i] = static_cast<float>(i * 40503u % 1000) / 500 - 1;
    }
    const TensorType type = F32({positions, channels});
    const auto dx = RunKernel("LrnBackward", {{type, x.data()}, {type, dy.data()}}, LrnAttrs{5, 2, 0.75, 1});
    ASSERT_TRUE(dx.ok()) << dx.status();
    const auto s = [&](int64_t row, int64_t c) {
      double sum = 0;
      for (int64_t i = std::max<int64_t>(0, c - 2); i < std::min(channels, c + 3); ++i) {
        sum += std::pow(x[row * channels + i], 2);
      }
      return 1 + 0.4 * sum;
    };
    for (int64_t row = 0; row < positions; ++row) {
      for (int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (int64_t i = std::max<int64_t>(0, c - 2); i < std::min(channels, c + 3); ++i) {
          sum += dy[row * channels + i] * x[row * channels + i] * std::pow(s(row, i), -1.75);
        }
        const int64_t at = row * channels + c;
        ASSERT_NEAR((*dx)[at], dy[at] * std::pow(s(row, c), -0.75) - 2 * 0.4 * 0.75 * x[at] * sum, 5e-6)
            << channels << " channels, row " << row << ", channel " << c;
      }
    }
  }
}

}  // namespace
}  // namespace gradus
