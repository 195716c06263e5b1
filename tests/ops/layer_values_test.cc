// Layers that are made of other operations: their values against formulas worked out here, their gradients against
// differences, and what they say of mistakes.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/builtin_ops.h"
#include "graph/gradient_check.h"
#include "graph/layer.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/reference.h"
#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/case_graph.h"
#include "tests/testlib/lowered_layer.h"

namespace gradus {
namespace {

using Numbers = std::vector<double>;

// The output of a model whose inputs and variables hold numbers drawn by their names; its gradients are checked.
struct Ran {
  Shape shape;
  Numbers output;
  ReferenceFeeds feeds;
};

Ran RunModel(const std::string& text, Mode mode = Mode::kTrain, const RunState& state = {}) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(text, "m");
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  LowerOptions options;
  options.mode = mode;
  options.batch = 2;
  absl::StatusOr<Network> network = Lower(model->model, options);
  EXPECT_TRUE(network.ok()) << network.status();
  if (!network.ok()) return {};
  Ran ran;
  std::vector<Value> wanted;
  Graph& graph = network->graph;
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    if (node.op->name() != "Input" && node.op->name() != "Variable") continue;
    ran.feeds[node.name] = Draw(Domain{}, node.outputs[0], node.name);
    wanted.push_back({i, 0});
  }
  const Value output = network->outputs[0].value;
  const auto values = EvaluateReference(graph, {output}, ran.feeds, state);
  EXPECT_TRUE(values.ok()) << values.status();
  if (!values.ok()) return {};
  ran.shape = values->front().shape;
  ran.output = values->front().values;
  if (mode != Mode::kTrain) return ran;
  GradientCheckOptions check;
  check.state = state;
  const auto report = CheckGradients(&graph, {output}, {Value{}}, wanted, ran.feeds, check);
  EXPECT_TRUE(report.ok() && report->ok()) << (report.ok() ? report->ToString() : report.status().ToString());
  return ran;
}

void ExpectNear(const Numbers& values, const Numbers& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-10) << i;
}

constexpr char kMaps[] = "input { name: 'x' dims: [4, 3, 5] }\n";

TEST(PReluTest, HasASlopeForEachChannel) {
  for (bool shared : {false, true}) {
    const Ran ran =
        RunModel(absl::StrCat(kMaps, "layer { name: 'y' prelu { shared: ", shared ? "true" : "false", " } }"));
    const Numbers &x = ran.feeds.at("x").values, &slope = ran.feeds.at("y/slope").values;
    ASSERT_EQ(slope.size(), shared ? 1u : 4u);
    Numbers expected;
    for (size_t i = 0; i < x.size(); ++i) {
      expected.push_back(x[i] > 0 ? x[i] : slope[shared ? 0 : i / 15 % 4] * x[i]);
    }
    ExpectNear(ran.output, expected);
  }
}

TEST(MaxoutTest, TakesTheLargestOfNeighbours) {
  const Ran ran = RunModel(absl::StrCat(kMaps, "layer { name: 'y' maxout { pieces: 2 } }"));
  EXPECT_EQ(ran.shape, (Shape{2, 2, 3, 5}));
  const Numbers& x = ran.feeds.at("x").values;
  Numbers expected;
  for (int n = 0; n < 2; ++n) {
    for (int c = 0; c < 2; ++c) {
      for (int i = 0; i < 15; ++i) {
        expected.push_back(std::max(x[n * 60 + 2 * c * 15 + i], x[n * 60 + (2 * c + 1) * 15 + i]));
      }
    }
  }
  ExpectNear(ran.output, expected);
}

TEST(LayerNormTest, NormalisesTheLastAxes) {
  for (int axis : {1, 2, 3}) {
    const Ran ran = RunModel(absl::StrCat(kMaps, "layer { name: 'y' layer_norm { axis: ", axis, " epsilon: 0.01 } }"));
    const Numbers &x = ran.feeds.at("x").values, &scale = ran.feeds.at("y/scale").values;
    const Numbers& shift = ran.feeds.at("y/shift").values;
    const size_t own = axis == 1 ? 60 : axis == 2 ? 15 : 5;
    ASSERT_EQ(scale.size(), own);
    Numbers expected;
    for (size_t i = 0; i < x.size(); ++i) {
      double mean = 0, square = 0;
      for (size_t k = i / own * own; k < i / own * own + own; ++k) mean += x[k] / own, square += x[k] * x[k] / own;
      expected.push_back(scale[i % own] * (x[i] - mean) / std::sqrt(square - mean * mean + 0.01) + shift[i % own]);
    }
    ExpectNear(ran.output, expected);
  }
  EXPECT_EQ(RunModel(absl::StrCat(kMaps, "layer { name: 'y' layer_norm { scale: false shift: false } }")).feeds.size(),
            1u);
}

// y[n, f, i stride - pad + k dilation] += x[n, c, i] w[c, f, k]
TEST(ConvTransposeTest, SpreadsEachElement) {
  const Ran ran = RunModel(absl::StrCat(
      kMaps,
      "layer { name: 'y' conv_transpose { filters: 3 kernel: [3, 2] stride: 2 pad: [1, 0] dilation: [1, 2] "
      "output_padding: 1 bias_init { normal {} } } }"));
  ASSERT_EQ(ran.shape, (Shape{2, 3, 2 * 2 - 2 + 3 + 1, 4 * 2 + 3 + 1}));
  const Numbers &x = ran.feeds.at("x").values, &w = ran.feeds.at("y/weights").values;
  Numbers expected;
  const int64_t h = ran.shape[2], v = ran.shape[3];
  for (int64_t i = 0; i < 2 * 3 * h * v; ++i) expected.push_back(ran.feeds.at("y/bias").values[i / (h * v) % 3]);
  for (int n = 0; n < 2; ++n) {
    for (int c = 0; c < 4; ++c) {
      for (int f = 0; f < 3; ++f) {
        for (int i = 0; i < 3 * 5 * 3 * 2; ++i) {
          const int a = i / 30, b = i / 6 % 5, k = i / 2 % 3, l = i % 2;
          const int64_t row = 2 * a - 1 + k, column = 2 * b + 2 * l;
          if (row < 0 || row >= h) continue;
          expected[((n * 3 + f) * h + row) * v + column] +=
              x[((n * 4 + c) * 3 + a) * 5 + b] * w[((c * 3 + f) * 3 + k) * 2 + l];
        }
      }
    }
  }
  ExpectNear(ran.output, expected);
}

TEST(ConvTransposeTest, Shapes) {
  const auto shape = [](const std::string& fields) {
    return RunModel(absl::StrCat(kMaps, "layer { name: 'y' conv_transpose { filters: 4 ", fields, " } }"), Mode::kInfer)
        .shape;
  };
  EXPECT_EQ(shape("kernel: 2 stride: 2"), (Shape{2, 4, 6, 10}));
  EXPECT_EQ(shape("kernel: 4 stride: 2 pad: 1 groups: 2"), (Shape{2, 4, 6, 10}));
  EXPECT_EQ(shape("kernel: 3 padding: SAME"), (Shape{2, 4, 3, 5}));
  EXPECT_EQ(shape("kernel: 3 stride: 2 padding: SAME_UPPER"), (Shape{2, 4, 6, 10}));
  EXPECT_EQ(shape("kernel: 5 stride: 3 padding: SAME_LOWER norm { batch {} } activation: RELU"), (Shape{2, 4, 9, 15}));
}

TEST(ConvTest, ByColumnsIsTheSame) {
  for (const char* fields : {"", "stride: 2 pad: 1", "dilation: [1, 2] padding: SAME groups: 2", "bias: false"}) {
    const auto run = [&](const std::string& more) {
      return RunModel(absl::StrCat(kMaps, "layer { name: 'y' conv { filters: 6 kernel: 3 ", fields, more,
                                   " bias_init { normal {} } } }"));
    };
    const Ran direct = run(""), columns = run(" algorithm: IM2COL");
    EXPECT_EQ(columns.shape, direct.shape);
    ExpectNear(columns.output, direct.output);
  }
}

TEST(UnpoolTest, PutsElementsBack) {
  for (Mode mode : {Mode::kTrain, Mode::kInfer}) {
    const Ran ran = RunModel(R"(input { name: 'x' dims: [2, 4, 6] }
layer { name: 'pool' pool { kernel: 2 } }
layer { name: 'y' input: ['pool', 'pool.switches'] unpool {} })",
                             mode);
    ASSERT_EQ(ran.shape, (Shape{2, 2, 4, 6}));
    const Numbers& x = ran.feeds.at("x").values;
    Numbers expected;
    for (int i = 0; i < static_cast<int>(x.size()); ++i) {
      const int corner = i / 12 * 12 + i % 6 / 2 * 2;  // of the window, whose rows begin at multiples of 12
      const double largest = std::max({x[corner], x[corner + 1], x[corner + 6], x[corner + 7]});
      expected.push_back(x[i] == largest ? x[i] : 0);
    }
    ExpectNear(ran.output, expected);
  }
}

TEST(StochasticPoolTest, AveragesByProbabilityOutsideTraining) {
  const Ran ran = RunModel(
      "input { name: 'x' dims: [2, 4, 6] } layer { name: 'y' pool { kind: STOCHASTIC kernel: 2 } }", Mode::kEvaluate);
  ASSERT_EQ(ran.shape, (Shape{2, 2, 2, 3}));
  const Numbers& x = ran.feeds.at("x").values;
  Numbers expected;
  for (int i = 0; i < 24; ++i) {
    const int corner = i / 3 * 12 + i % 3 * 2;
    double sum = 0, squares = 0;
    for (int k : {0, 1, 6, 7}) {
      const double v = std::max(0.0, x[corner + k]);
      sum += v;
      squares += v * v;
    }
    expected.push_back(sum == 0 ? 0 : squares / sum);
  }
  ExpectNear(ran.output, expected);
}

// What training draws is on average what inference gives.
TEST(StochasticPoolTest, DrawsInProportion) {
  const std::string text =
      "input { name: 'x' dims: [2, 4, 6] } layer { name: 'y' pool { kind: STOCHASTIC kernel: 2 } }";
  const absl::StatusOr<LoadedModel> model = LoadModelText(text, "m");
  ASSERT_TRUE(model.ok());
  LowerOptions options;
  options.batch = 2;
  const absl::StatusOr<Network> network = Lower(model->model, options);
  ASSERT_TRUE(network.ok()) << network.status();
  const Ran average = RunModel(text, Mode::kEvaluate);
  constexpr int kDraws = 4000;
  Numbers mean(average.output.size(), 0.0);
  for (int step = 0; step < kDraws; ++step) {
    RunState state;
    state.step = step;
    const auto drawn = EvaluateReference(network->graph, {network->outputs[0].value}, average.feeds, state);
    ASSERT_TRUE(drawn.ok());
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += drawn->front().values[i] / kDraws;
  }
  for (size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(mean[i], average.output[i], 0.03) << i;
}

TEST(GaussianTest, AddsNoiseWithDeviations) {
  const std::string inputs = "input { name: 'x' dims: 3 } input { name: 's' dims: 3 }\n";
  const Ran noise = RunModel(inputs + "layer { name: 'y' input: 'x' gaussian {} }");
  const Ran ran = RunModel(inputs + "layer { name: 'y' input: ['x', 's'] gaussian { stddev: 0.5 } }");
  const Numbers &x = ran.feeds.at("x").values, &s = ran.feeds.at("s").values;
  Numbers expected;
  for (size_t i = 0; i < x.size(); ++i) expected.push_back(x[i] + 0.5 * s[i] * (noise.output[i] - x[i]));
  ExpectNear(ran.output, expected);
  const Ran silent =
      RunModel(inputs + "layer { name: 'y' input: 'x' gaussian { only_in_training: true } }", Mode::kEvaluate);
  ExpectNear(silent.output, silent.feeds.at("x").values);
}

TEST(ResampleTest, OfKnownNumbers) {
  const auto size = [](const std::string& fields) {
    return LoweredLayer<Resample, LayerEntry>(fields, {F32({2, 3, 4, 6})});
  };
  EXPECT_EQ(size("scale: 2"), "Resample linear=false input=[4, 6] output=[8, 12] : f32[2, 3, 8, 12]");
  EXPECT_EQ(size("scale: [0.5, 1.5] method: BILINEAR"),
            "Resample linear=true input=[4, 6] output=[2, 9] : f32[2, 3, 2, 9]");
  EXPECT_EQ(size("size: [3, 3]"), "Resample linear=false input=[4, 6] output=[3, 3] : f32[2, 3, 3, 3]");
  EXPECT_EQ(size("size: [4, 6]"), "Input type=f32[2, 3, 4, 6] : f32[2, 3, 4, 6]");
  EXPECT_EQ(size(""), "layer: 'name': needs a size or a scale");
  EXPECT_EQ(size("size: 3 scale: 2"), "layer: 'name': size and scale exclude each other");
  EXPECT_EQ(size("size: [1, 2, 3]"), "size: 'name': size has 3 values; expected 1 or 2");
  EXPECT_EQ(size("scale: 0.1"),
            "scale: 'name': the new size of spatial dimension 0 would be 0; expected a value in [1, 2147483648)");
}

TEST(LayersTest, SayWhatIsWrong) {
  const TensorType x = F32({2, 6, 4, 4});
  EXPECT_EQ((LoweredLayer<Maxout, LayerEntry>("", {x})),
            "layer: 'name': has no pieces: of how many neighbours the largest is taken");
  EXPECT_EQ((LoweredLayer<Maxout, LayerEntry>("pieces: 4", {x})),
            "pieces: 'name': pieces is 4; expected a divisor of the 6 elements of axis 1 of f32[2, 6, 4, 4]");
  EXPECT_EQ((LoweredLayer<Maxout, LayerEntry>("pieces: 2 axis: 0", {x})), "axis: 'name': axis is 0, the batch");
  EXPECT_EQ((LoweredLayer<PRelu, LayerEntry>("", {F32({2})})), "layer: 'name': expected f32[N, C, ...]; got f32[2]");
  EXPECT_EQ((LoweredLayer<LayerNorm, LayerEntry>("axis: 0", {x})),
            "axis: 'name': axis is 0, the batch: examples are normalised each for itself");
  EXPECT_EQ((LoweredLayer<LayerNorm, LayerEntry>("epsilon: 0", {x})),
            "epsilon: 'name': epsilon is 0; it must be above 0");
  EXPECT_EQ((LoweredLayer<Gaussian, LayerEntry>("stddev: -1", {x})),
            "stddev: 'name': stddev is -1; it must be 0 or more");
  EXPECT_EQ((LoweredLayer<Gaussian, LayerEntry>("", {F32({2, 3}), F32({4, 2, 3})})),
            "layer: 'name': the deviations f32[4, 2, 3] do not broadcast to f32[2, 3]");
  EXPECT_EQ((LoweredLayer<Unpool, LayerEntry>("", {x, x})),
            "layer: 'name': the second input must be the switches of a max pooling, like 'pool1.switches'");
  const auto transposed = [&](const std::string& text) { return LoweredLayer<ConvTranspose, LayerEntry>(text, {x}); };
  EXPECT_EQ(transposed("kernel: 3"), "layer: 'name': has no filters: the number of output channels");
  EXPECT_EQ(transposed("filters: 4 kernel: 3 groups: 4"),
            "groups: 'name': groups is 4; expected a divisor of the 6 input channels and of the 4 filters");
  EXPECT_EQ(transposed("filters: 4 kernel: 3 stride: 2 output_padding: 2"),
            "output_padding: 'name': output_padding is 2; expected 0 or more, and less than the stride, 2");
  EXPECT_EQ(transposed("filters: 4 kernel: 1 pad: 2"),
            "layer: 'name': the output would have 0 elements in spatial dimension 0: the pads are larger than what the "
            "window makes of f32[2, 6, 4, 4]");
}

}  // namespace
}  // namespace gradus
