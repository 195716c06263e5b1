// Dropout as a layer, and its masks as random numbers.
#include "ops/dropout.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "graph/layer.h"
#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"
#include "tests/testlib/run_kernel.h"

namespace gradus {
namespace {

std::string Lowered(const std::string& text, Mode mode) {
  return LoweredLayer<Dropout, LayerEntry>(text, {F32({2, 3})}, nullptr, mode);
}

TEST(DropoutLayerTest, IsANodeWhenTrainingOnly) {
  EXPECT_EQ(Lowered("rate: 0.25", Mode::kTrain),
            absl::StrCat("Dropout rate=0.25 key=", static_cast<int64_t>(StableHash("name")), " : f32[2, 3]"));
  EXPECT_EQ(Lowered("rate: 0.25", Mode::kEvaluate), "Input type=f32[2, 3] : f32[2, 3]");
  EXPECT_EQ(Lowered("rate: 0.25", Mode::kInfer), "Input type=f32[2, 3] : f32[2, 3]");
  EXPECT_EQ(Lowered("rate: 0", Mode::kTrain), "Input type=f32[2, 3] : f32[2, 3]");
}

TEST(DropoutLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered("rate: 1", Mode::kTrain), "rate: 'name': rate is 1; it must be in [0, 1)");
  EXPECT_EQ(Lowered("rate: -0.5", Mode::kInfer), "rate: 'name': rate is -0.5; it must be in [0, 1)");
  EXPECT_EQ(Lowered("rate: nan", Mode::kTrain), "rate: 'name': rate is nan; it must be in [0, 1)");
}

// Which elements a node keeps.
std::vector<bool> Mask(const DropoutAttrs& attrs, const RunState& state, int64_t n) {
  const DropoutNumbers numbers(attrs, state);
  std::vector<bool> kept;
  for (int64_t i = 0; i < n; ++i) kept.push_back(numbers.Block(i / 4)[i % 4] >= numbers.threshold);
  return kept;
}

double ShareOfEqual(const std::vector<bool>& a, const std::vector<bool>& b) {
  int64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

TEST(DropoutMaskTest, EveryBatchOfEveryLayerHasItsOwn) {
  constexpr int64_t kElements = 40000;
  const std::vector<bool> mask = Mask({0.5, 1}, {1, 10, 0}, kElements);
  EXPECT_EQ(mask, Mask({0.5, 1}, {1, 10, 0}, kElements));
  EXPECT_NEAR(ShareOfEqual(mask, Mask({0.5, 2}, {1, 10, 0}, kElements)), 0.5, 0.02);
  EXPECT_NEAR(ShareOfEqual(mask, Mask({0.5, 1}, {2, 10, 0}, kElements)), 0.5, 0.02);
  EXPECT_NEAR(ShareOfEqual(mask, Mask({0.5, 1}, {1, 11, 0}, kElements)), 0.5, 0.02);
  EXPECT_NEAR(ShareOfEqual(mask, Mask({0.5, 1}, {1, 10, 1}, kElements)), 0.5, 0.02);
}

TEST(DropoutKernelTest, KeepsTheMean) {
  const TensorType type = F32({400, 500});
  const std::vector<float> x(200000, 1.0f);
  for (const double rate : {0.1, 0.5, 0.9}) {
    const absl::StatusOr<std::vector<float>> y = RunKernel("Dropout", {{type, x.data()}}, DropoutAttrs{rate, 1});
    ASSERT_TRUE(y.ok()) << y.status();
    double sum = 0, dropped = 0;
    for (float v : *y) {
      sum += v;
      dropped += v == 0;
    }
    EXPECT_NEAR(dropped / 200000, rate, 0.005);
    EXPECT_NEAR(sum / 200000, 1, 0.05);
  }
}

}  // namespace
}  // namespace gradus
