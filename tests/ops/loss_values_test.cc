// Losses that are formulas of other operations: their values against what is written in proto/layers.proto, worked out
// here in another way, and their gradients against differences.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "graph/builtin_ops.h"
#include "graph/gradient_check.h"
#include "graph/layer.h"
#include "graph/reference.h"
#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

using Numbers = std::vector<double>;

struct Tensor64 {
  TensorType type;
  Numbers values;
};

// A loss (or metric) over the float64 reference; its gradients are checked on the way.
template <typename Message, typename Entry = LossEntry>
Numbers Values(const std::string& text, const std::vector<Tensor64>& inputs, const Tensor64* target = nullptr) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  const Entry* entry = Registry<Entry>::Get().Find(message.GetTypeName());
  if (entry == nullptr) return {};
  Graph graph;
  ReferenceFeeds feeds;
  std::vector<Value> values, wanted;
  const auto add = [&](const Tensor64& tensor, const std::string& name) {
    const Value value = *graph.Add({"Input", name, {}, InputAttrs{tensor.type}, {}, Stage::kCompute, -1});
    feeds[name] = {tensor.type.shape, tensor.values};
    if (tensor.type.dtype == DType::kFloat32) wanted.push_back(value);
    return value;
  };
  for (const Tensor64& input : inputs) values.push_back(add(input, "x" + std::to_string(values.size())));
  const size_t differentiated = wanted.size();
  const Value against = target != nullptr ? add(*target, "t") : Value{};
  wanted.resize(differentiated);
  LayerContext context(&graph, Mode::kTrain, "loss", &message, values, against, {}, nullptr);
  const absl::StatusOr<Value> loss = entry->lower(context);
  EXPECT_TRUE(loss.ok()) << loss.status();
  if (!loss.ok()) return {};
  const auto result = EvaluateReference(graph, {*loss}, feeds);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return {};
  if (std::is_same_v<Entry, LossEntry>) {
    const auto report = CheckGradients(&graph, {*loss}, {Value{}}, wanted, feeds);
    EXPECT_TRUE(report.ok() && report->ok()) << (report.ok() ? report->ToString() : report.status().ToString());
  }
  return result->front().values;
}

void ExpectNear(const Numbers& values, const Numbers& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], 1e-12 * std::max(1.0, std::fabs(expected[i]))) << i;
  }
}

// By element of input and target.
Numbers Each(const Numbers& x, const Numbers& t, const std::function<double(double x, double t)>& f) {
  Numbers y;
  for (size_t i = 0; i < x.size(); ++i) y.push_back(f(x[i], t[i]));
  return y;
}

const Tensor64 kX = {F32({2, 3}), {-2.5, -0.3, 0.2, 0.7, 1.4, 3}};
const Tensor64 kT = {F32({2, 3}), {0.5, -0.25, 0.75, -1, 1.25, 0.5}};
const Tensor64 kBits = {F32({2, 3}), {0, 1, 0, 1, 1, 0}};
const Tensor64 kSigns = {F32({2, 3}), {-1, 1, -1, 1, 1, -1}};
const Tensor64 kWholeBits = {I32({2, 3}), {0, 1, 0, 1, 1, 0}};
const Tensor64 kScores = {F32({2, 3}), {0.3, -1.1, 2, 0.9, 1.3, -0.4}};
const Tensor64 kLabels = {I32({2}), {2, 0}};

TEST(NumbersLossTest, AreFunctionsOfTheDifference) {
  ExpectNear(Values<MeanSquaredError>("", {kX}, &kT),
             Each(kX.values, kT.values, [](double x, double t) { return (x - t) * (x - t); }));
  ExpectNear(Values<MeanAbsoluteError>("", {kX}, &kT),
             Each(kX.values, kT.values, [](double x, double t) { return std::fabs(x - t); }));
  for (double bend : {0.1, 1.0, 4.0}) {
    const auto huber = [bend](double x, double t) {
      const double d = std::fabs(x - t);
      return d < bend ? d * d / 2 : bend * (d - bend / 2);
    };
    ExpectNear(Values<Huber>("delta: " + std::to_string(bend), {kX}, &kT), Each(kX.values, kT.values, huber));
    ExpectNear(Values<SmoothL1>("beta: " + std::to_string(bend), {kX}, &kT),
               Each(kX.values, kT.values, [&](double x, double t) { return huber(x, t) / bend; }));
  }
}

TEST(NumbersLossTest, AColumnIsComparedWithOneNumberForEachExample) {
  const Tensor64 column = {F32({3, 1}), {1, 2, 3}}, numbers = {F32({3}), {0, 2, 5}};
  ExpectNear(Values<MeanSquaredError>("", {column}, &numbers), {1, 0, 4});
  ExpectNear(Values<MeanSquaredError>("", {numbers}, &column), {1, 0, 4});
}

TEST(BinaryCrossEntropyTest, IsMinusTheLogarithmOfTheProbability) {
  const auto loss = [](double weight) {
    return [weight](double x, double t) {
      const double p = 1 / (1 + std::exp(-x));
      return -weight * t * std::log(p) - (1 - t) * std::log(1 - p);
    };
  };
  ExpectNear(Values<BinaryCrossEntropy>("", {kX}, &kBits), Each(kX.values, kBits.values, loss(1)));
  ExpectNear(Values<BinaryCrossEntropy>("positive_weight: 3", {kX}, &kWholeBits),
             Each(kX.values, kBits.values, loss(3)));
  const Tensor64 soft = {F32({2, 3}), {0, 0.25, 0.5, 0.75, 1, 0.1}};
  ExpectNear(Values<BinaryCrossEntropy>("", {kX}, &soft), Each(kX.values, soft.values, loss(1)));
}

TEST(BinaryCrossEntropyTest, IsExactFarOut) {
  const Tensor64 x = {F32({4}), {40, -40, 1000, -1000}}, t = {F32({4}), {1, 0, 0, 1}};
  const Numbers values = Values<BinaryCrossEntropy>("", {x}, &t);
  ASSERT_EQ(values.size(), 4u);
  EXPECT_NEAR(values[0] / std::exp(-40), 1, 1e-9);
  EXPECT_NEAR(values[1] / std::exp(-40), 1, 1e-9);
  EXPECT_EQ(values[2], 1000);
  EXPECT_EQ(values[3], 1000);
}

TEST(NegativeLogLikelihoodTest, TakesTheLabelsElement) {
  ExpectNear(Values<NegativeLogLikelihood>("", {kScores}, &kLabels), {-2, -0.9});
}

TEST(HingeTest, OfTwoClasses) {
  const auto loss = [](double x, double t) { return std::max(0.0, 0.8 - x * t); };
  ExpectNear(Values<Hinge>("margin: 0.8", {kX}, &kSigns), Each(kX.values, kSigns.values, loss));
  ExpectNear(Values<Hinge>("margin: 0.8", {kX}, &kWholeBits), Each(kX.values, kSigns.values, loss));
  ExpectNear(Values<Hinge>("margin: 0.8 squared: true", {kX}, &kSigns),
             Each(kX.values, kSigns.values, [&](double x, double t) { return loss(x, t) * loss(x, t); }));
}

TEST(HingeTest, OfManySumsOverTheOthers) {
  // 1 + 0.3 - 2 and 1 - 1.1 - 2 are below 0; 1 + 1.3 - 0.9 and 1 - 0.4 - 0.9.
  ExpectNear(Values<Hinge>("", {kScores}, &kLabels), {0, 1.4});
  ExpectNear(Values<Hinge>("margin: 2 squared: true", {kScores}, &kLabels), {0.09, 2.4 * 2.4 + 0.7 * 0.7});
}

TEST(PerceptronLossTest, IsWhatIsOnTheWrongSide) {
  ExpectNear(Values<PerceptronLoss>("", {kX}, &kSigns),
             Each(kX.values, kSigns.values, [](double x, double t) { return std::max(0.0, -x * t); }));
  ExpectNear(Values<PerceptronLoss>("", {kScores}, &kLabels), {0, 0.4});
}

TEST(KlDivergenceTest, OfProbabilities) {
  const Tensor64 logs = {F32({2, 2}), {std::log(0.25), std::log(0.75), std::log(0.5), std::log(0.5)}};
  const Tensor64 target = {F32({2, 2}), {0.5, 0.5, 0, 1}};
  ExpectNear(Values<KlDivergence>("", {logs}, &target),
             {0.5 * std::log(0.5 / 0.25) + 0.5 * std::log(0.5 / 0.75), std::log(2)});
}

TEST(FocalLossTest, OfTwoClasses) {
  const auto loss = [](double gamma, double one, double zero) {
    return [=](double x, double t) {
      const double p = 1 / (1 + std::exp(-x)), p_t = t == 1 ? p : 1 - p;
      return -(t == 1 ? one : zero) * std::pow(1 - p_t, gamma) * std::log(p_t);
    };
  };
  ExpectNear(Values<FocalLoss>("", {kX}, &kBits), Each(kX.values, kBits.values, loss(2, 1, 1)));
  ExpectNear(Values<FocalLoss>("gamma: 0", {kX}, &kWholeBits), Each(kX.values, kBits.values, loss(0, 1, 1)));
  ExpectNear(Values<FocalLoss>("gamma: 0.5 alpha: 0.25", {kX}, &kBits),
             Each(kX.values, kBits.values, loss(0.5, 0.25, 0.75)));
}

TEST(FocalLossTest, OfMany) {
  const auto expected = [](double gamma) {
    Numbers values;
    for (int n = 0; n < 2; ++n) {
      const double* x = kScores.values.data() + 3 * n;
      const double p =
          std::exp(x[static_cast<int>(kLabels.values[n])]) / (std::exp(x[0]) + std::exp(x[1]) + std::exp(x[2]));
      values.push_back(-std::pow(1 - p, gamma) * std::log(p));
    }
    return values;
  };
  ExpectNear(Values<FocalLoss>("", {kScores}, &kLabels), expected(2));
  ExpectNear(Values<FocalLoss>("gamma: 0", {kScores}, &kLabels), expected(0));
  ExpectNear(Values<FocalLoss>("gamma: 0.5", {kScores}, &kLabels), expected(0.5));
}

const Tensor64 kA = {F32({3, 2}), {0, 0, 1, 1, 2, 0}};
const Tensor64 kB = {F32({3, 2}), {3, 4, 1, 1.5, 2, 2.25}};
const Tensor64 kC = {F32({3, 2}), {0, 1, 4, 5, 2, 2}};

TEST(ContrastiveLossTest, PullsPairsAndPushesOthers) {
  // Distances 5, 0.5, 2.25.
  const Tensor64 pairs = {I32({3}), {1, 0, 0}}, real = {F32({3}), {1, 0, 0}};
  ExpectNear(Values<ContrastiveLoss>("margin: 2", {kA, kB}, &pairs),
             {12.5, 0.5 * std::pow(2 - std::sqrt(0.25 + 1e-12), 2), 0});
  ExpectNear(Values<ContrastiveLoss>("margin: 2", {kA, kB}, &real),
             {12.5, 0.5 * std::pow(2 - std::sqrt(0.25 + 1e-12), 2), 0});
}

double Distance(const Tensor64& a, int i, const Tensor64& b, int j) {
  return std::sqrt(std::pow(a.values[2 * i] - b.values[2 * j], 2) +
                   std::pow(a.values[2 * i + 1] - b.values[2 * j + 1], 2) + 1e-12);
}

TEST(TripletLossTest, OfThreeInputs) {
  Numbers expected;
  for (int n = 0; n < 3; ++n) expected.push_back(std::max(0.0, Distance(kA, n, kB, n) - Distance(kA, n, kC, n) + 1.5));
  ExpectNear(Values<TripletLoss>("margin: 1.5", {kA, kB, kC}), expected);
}

TEST(TripletLossTest, FindsTheHardestInTheBatch) {
  const Tensor64 x = {F32({6, 2}), {0, 0, 1, 0.1, 0.2, 1.3, 2, 2.1, 1.1, 1, 9, 9}};
  const Tensor64 labels = {I32({6}), {4, 4, 4, 7, 7, 9}};
  Numbers expected;
  for (int a = 0; a < 6; ++a) {
    double positive = -1, negative = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 6; ++i) {
      const double distance = Distance(x, a, x, i);
      if (labels.values[i] != labels.values[a]) negative = std::min(negative, distance);
      if (labels.values[i] == labels.values[a] && i != a) positive = std::max(positive, distance);
    }
    expected.push_back(positive < 0 ? 0 : std::max(0.0, positive - negative + 0.5));
  }
  ExpectNear(Values<TripletLoss>("margin: 0.5", {x}, &labels), expected);
  const Tensor64 same = {I32({6}), {1, 1, 1, 1, 1, 1}};
  ExpectNear(Values<TripletLoss>("", {x}, &same), {0, 0, 0, 0, 0, 0});
}

TEST(BinaryAccuracyTest, CountsSides) {
  const Numbers expected = {1, 0, 0, 1, 1, 0};
  ExpectNear(Values<BinaryAccuracy, MetricEntry>("", {kX}, &kSigns), expected);
  ExpectNear(Values<BinaryAccuracy, MetricEntry>("", {kX}, &kWholeBits), expected);
  ExpectNear(Values<BinaryAccuracy, MetricEntry>("threshold: 0.7", {kX}, &kBits), {1, 0, 1, 0, 1, 0});
  ExpectNear(Values<MeanAbsoluteErrorMetric, MetricEntry>("", {kX}, &kX), Numbers(6, 0));
}

}  // namespace
}  // namespace gradus
