// Batch norm as a layer, and tensors larger than rows of tests/ops/op_cases.h should be.
#include "ops/batch_norm.h"

#include <google/protobuf/text_format.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/builtin_ops.h"
#include "graph/layer.h"
#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"
#include "tests/testlib/run_kernel.h"

namespace gradus {
namespace {

Value AddX(Graph* graph, const TensorType& type) { return *graph->Add({"Input", "x", {}, InputAttrs{type}, {}}); }

LayerContext Context(Graph* graph, Mode mode) { return {graph, mode, "conv1", nullptr, {}, Value{}, {}, nullptr}; }

// The nodes after the input.
std::string Graphed(const std::string& text, Mode mode) {
  BatchNorm config;
  if (!google::protobuf::TextFormat::ParseFromString(text, &config)) return "no message";
  Graph graph;
  const Value x = AddX(&graph, F32({2, 3, 4, 4}));
  LayerContext context = Context(&graph, mode);
  const absl::StatusOr<Value> y = AddBatchNorm(context, x, config, "norm");
  if (!y.ok()) return std::string(y.status().message());
  const std::string all = graph.ToString();
  return all.substr(all.find('\n') + 1);
}

TEST(BatchNormLayerTest, TrainingCommitsRunningStatistics) {
  EXPECT_EQ(Graphed("epsilon: 0.25 momentum: 0.75", Mode::kTrain),
            "%1 = Variable() {variable=0 type=f32[3]} : f32[3]  # conv1/norm/scale\n"
            "%2 = Variable() {variable=1 type=f32[3]} : f32[3]  # conv1/norm/shift\n"
            "%3 = Variable() {variable=2 type=f32[3]} : f32[3]  # conv1/norm/mean\n"
            "%4 = Variable() {variable=3 type=f32[3]} : f32[3]  # conv1/norm/variance\n"
            "%5 = BatchNorm(%0, %1, %2) {epsilon=0.25 has_scale=true has_shift=true}"
            " : f32[2, 3, 4, 4], f32[3], f32[3]  # conv1/norm\n"
            "%6 = RunningAverage(%3, %5.1) {momentum=0.75 correction=1} : f32[3]  # conv1/norm/mean/average [commit]\n"
            "%7 = Assign(%6) {variable=2 type=f32[3]}  # conv1/norm/mean/assign [commit]\n"
            "%8 = RunningAverage(%4, %5.2) {momentum=0.75 correction=1.032258064516129} : f32[3]"
            "  # conv1/norm/variance/average [commit]\n"
            "%9 = Assign(%8) {variable=3 type=f32[3]}  # conv1/norm/variance/assign [commit]\n");
}

TEST(BatchNormLayerTest, InferenceReadsThem) {
  EXPECT_EQ(Graphed("epsilon: 0.25 shift: false", Mode::kInfer),
            "%1 = Variable() {variable=0 type=f32[3]} : f32[3]  # conv1/norm/scale\n"
            "%2 = Variable() {variable=1 type=f32[3]} : f32[3]  # conv1/norm/mean\n"
            "%3 = Variable() {variable=2 type=f32[3]} : f32[3]  # conv1/norm/variance\n"
            "%4 = BatchNormInference(%0, %2, %3, %1) {epsilon=0.25 has_scale=true has_shift=false}"
            " : f32[2, 3, 4, 4]  # conv1/norm\n");
  EXPECT_EQ(Graphed("scale: false", Mode::kEvaluate), Graphed("scale: false", Mode::kInfer));
}

TEST(BatchNormLayerTest, OneElementOfEachChannelHasNoUnbiasedVariance) {
  Graph graph;
  LayerContext context = Context(&graph, Mode::kTrain);
  ASSERT_TRUE(AddBatchNorm(context, AddX(&graph, F32({1, 3})), BatchNorm(), "").ok());
  const int update = graph.Find("conv1/variance/average");
  ASSERT_GE(update, 0);
  EXPECT_EQ(graph.node(update).attrs, Attrs(RunningAverageAttrs{0.9, 1}));
}

TEST(BatchNormLayerTest, SaysWhatIsWrong) {
  const auto lowered = [](const std::string& text, const TensorType& x) {
    return LoweredLayer<BatchNorm, LayerEntry>(text, {x});
  };
  EXPECT_EQ(lowered("epsilon: 0", F32({2, 3})), "epsilon: 'name': epsilon is 0; it must be above 0");
  EXPECT_EQ(lowered("momentum: 1.5", F32({2, 3})), "momentum: 'name': momentum is 1.5; it must be in [0, 1]");
  EXPECT_EQ(lowered("", F32({3})), "layer: 'name': expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]");
  EXPECT_EQ(lowered("", I32({2, 3})),
            "layer: 'name': expected f32[N, C] or f32[N, C, ...] with channels; got i32[2, 3]");
}

// A channel's elements count up in its own steps from its own mean; several ranges of blocks and parts of rows.
TEST(BatchNormKernelTest, NormalisesLargeTensors) {
  constexpr int64_t kImages = 3, kChannels = 50, kPositions = 140 * 150;
  const TensorType type = F32({kImages, kChannels, 140, 150});
  std::vector<float> x;
  for (int64_t i = 0; i < type.shape.num_elements(); ++i) {
    const int64_t channel = i / kPositions % kChannels, step = i % 7;
    x.push_back(static_cast<float>(channel * 10 + step * (channel + 1)));
  }
  const absl::StatusOr<std::vector<float>> y =
      RunKernel("BatchNorm", {{type, x.data()}}, BatchNormAttrs{1e-5, false, false});
  ASSERT_TRUE(y.ok()) << y.status();
  for (int64_t c = 0; c < kChannels; ++c) {
    double sum = 0, squares = 0;
    for (int64_t n = 0; n < kImages; ++n) {
      for (int64_t p = 0; p < kPositions; ++p) {
        const double v = (*y)[static_cast<size_t>((n * kChannels + c) * kPositions + p)];
        sum += v;
        squares += v * v;
      }
    }
    EXPECT_NEAR(sum / (kImages * kPositions), 0, 1e-5) << c;
    EXPECT_NEAR(squares / (kImages * kPositions), 1, 1e-4) << c;
  }
}

TEST(BatchNormKernelTest, LargeMeansCostNothing) {
  const TensorType type = F32({1000, 2});
  std::vector<float> x;
  for (int i = 0; i < 2000; ++i) x.push_back(10000.0f + static_cast<float>(i / 2 % 2));
  const absl::StatusOr<std::vector<float>> y =
      RunKernel("BatchNorm", {{type, x.data()}}, BatchNormAttrs{1e-9, false, false});
  ASSERT_TRUE(y.ok()) << y.status();
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR((*y)[i], i / 2 % 2 == 0 ? -1 : 1, 1e-5) << i;
}

TEST(BatchNormKernelTest, NotANumberIsSeen) {
  const TensorType type = F32({3, 1});
  const std::vector<float> x = {1, NAN, 2};
  const absl::StatusOr<std::vector<float>> y =
      RunKernel("BatchNorm", {{type, x.data()}}, BatchNormAttrs{1e-5, false, false});
  ASSERT_TRUE(y.ok()) << y.status();
  for (float v : *y) EXPECT_TRUE(std::isnan(v));
}

}  // namespace
}  // namespace gradus
