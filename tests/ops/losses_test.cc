// Losses and metrics as layers, and what their kernels say of bad labels.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "ops/in_top_k.h"
#include "ops/label_elements.h"
#include "ops/softmax_cross_entropy.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"
#include "tests/testlib/run_kernel.h"

namespace gradus {
namespace {

template <typename Message>
std::string Loss(const std::string& text, const TensorType& input, const TensorType& target) {
  return LoweredLayer<Message, LossEntry>(text, {input}, &target);
}

template <typename Message>
std::string Metric(const std::string& text, const TensorType& input, const TensorType& target) {
  return LoweredLayer<Message, MetricEntry>(text, {input}, &target);
}

TEST(SoftmaxCrossEntropyLossTest, IsOneNode) {
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("", F32({2, 3}), I32({2})), "SoftmaxCrossEntropy label_smoothing=0 : f32[2]");
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("label_smoothing: 0.5", F32({2, 4, 3}), I32({2, 4})),
            "SoftmaxCrossEntropy label_smoothing=0.5 : f32[2, 4]");
}

TEST(SoftmaxCrossEntropyLossTest, WeighsClasses) {
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("class_weight: [1, 2, 0]", F32({2, 3}), I32({2})),
            "Binary function='MULTIPLY' : f32[2]");
}

TEST(SoftmaxCrossEntropyLossTest, SaysWhatIsWrong) {
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("label_smoothing: 1", F32({2, 3}), I32({2})),
            "label_smoothing: 'name': label_smoothing is 1; it must be in [0, 1)");
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("class_weight: [1, 2]", F32({2, 3}), I32({2})),
            "class_weight: 'name': there are 2 class weights for 3 classes");
  EXPECT_EQ(Loss<SoftmaxCrossEntropy>("class_weight: [1, -2, 1]", F32({2, 3}), I32({2})),
            "class_weight[1]: 'name': a class_weight is -2; it must not be negative");
  EXPECT_EQ((LoweredLayer<SoftmaxCrossEntropy, LossEntry>("", {F32({2, 3})})),
            "layer: 'name': needs a target: the input or layer that its input is compared with");
}

TEST(MeanSquaredErrorTest, IsOfOneShape) {
  EXPECT_EQ(Loss<MeanSquaredError>("", F32({2, 3}), F32({2, 3})), "Unary function='SQUARE' alpha=0 : f32[2, 3]");
  EXPECT_EQ(Loss<MeanSquaredError>("", F32({2, 3}), F32({3})),
            "layer: 'name': the input is f32[2, 3] but the target is f32[3]");
  EXPECT_EQ(Metric<MeanSquaredErrorMetric>("", F32({2}), F32({2})), "Unary function='SQUARE' alpha=0 : f32[2]");
}

TEST(ValueLossTest, IsItsInput) {
  EXPECT_EQ((LoweredLayer<ValueLoss, LossEntry>("", {F32({2, 3})})), "Input type=f32[2, 3] : f32[2, 3]");
  EXPECT_EQ(Loss<ValueLoss>("", F32({2}), F32({2})), "layer: 'name': takes no target");
}

TEST(LossTest, SaysWhatIsWrong) {
  const TensorType x = F32({2, 3}), labels = I32({2});
  const std::string shapes = "layer: 'name': the input is f32[2, 3] but the target is ";
  EXPECT_EQ(Loss<MeanAbsoluteError>("", x, F32({2})), shapes + "f32[2]");
  EXPECT_EQ(Loss<MeanAbsoluteError>("", x, I32({2, 3})), shapes + "i32[2, 3]");
  EXPECT_EQ(Loss<BinaryCrossEntropy>("", x, labels), shapes + "i32[2]");
  EXPECT_EQ(Loss<BinaryCrossEntropy>("positive_weight: 0", x, x),
            "positive_weight: 'name': positive_weight is 0; it must be above 0");
  EXPECT_EQ(Loss<SmoothL1>("beta: -1", x, x), "beta: 'name': beta is -1; it must be above 0");
  EXPECT_EQ(Loss<Huber>("delta: inf", x, x), "delta: 'name': delta is inf; it must be above 0");
  EXPECT_EQ(Loss<Hinge>("margin: nan", x, x), "margin: 'name': margin is nan; it must be above 0");
  EXPECT_EQ(Loss<Hinge>("", x, I32({3})), shapes + "i32[3]");
  const std::string expected = "; expected f32[N, ..., C] and labels i32[N, ...]";
  EXPECT_EQ(Loss<NegativeLogLikelihood>("", x, x),
            "layer: 'name': the input is f32[2, 3] and the target f32[2, 3]" + expected);
  EXPECT_EQ(Loss<NegativeLogLikelihood>("", F32({}), labels),
            "layer: 'name': the input is f32[] and the target i32[2]" + expected);
  EXPECT_EQ(Loss<KlDivergence>("", x, labels),
            "layer: 'name': the input is f32[2, 3] and the target i32[2]; expected both to be f32[N, ..., C]");
  EXPECT_EQ(Loss<FocalLoss>("gamma: -1", x, labels), "gamma: 'name': gamma is -1; it must be 0 or more");
  EXPECT_EQ(Loss<FocalLoss>("alpha: 2", x, x), "alpha: 'name': alpha is 2; it must be in [0, 1]");
  EXPECT_EQ(Loss<FocalLoss>("alpha: 0.5", x, labels),
            "alpha: 'name': alpha is for two classes; with many, a mask may weigh examples");
  EXPECT_EQ(Loss<ContrastiveLoss>("", x, labels), "layer: 'name': takes 2 inputs; it has 1");
  EXPECT_EQ((LoweredLayer<ContrastiveLoss, LossEntry>("", {x, F32({2, 4})}, &labels)),
            "layer: 'name': input 1 is f32[2, 4]; expected f32[2, 3]");
  const TensorType wrong = I32({3});
  EXPECT_EQ((LoweredLayer<ContrastiveLoss, LossEntry>("", {x, x}, &wrong)),
            "layer: 'name': the target is i32[3]; expected i32[2] or f32[2]: 1 for a pair of one kind, else 0");
  EXPECT_EQ((LoweredLayer<TripletLoss, LossEntry>("", {x, x}, &labels)),
            "layer: 'name': takes 3 inputs (anchor, positive, negative), or 1 and a target; it has 2");
  EXPECT_EQ((LoweredLayer<TripletLoss, LossEntry>("", {x, x, x}, &labels)), "layer: 'name': takes no target");
  EXPECT_EQ(Loss<TripletLoss>("", F32({2}), labels), "layer: 'name': input 0 is f32[2]; expected f32[N, D]");
  EXPECT_EQ(Metric<BinaryAccuracy>("threshold: nan", x, x), "threshold: 'name': threshold is nan; it must be a number");
}

TEST(AccuracyTest, CountsAndKnowsThatMoreIsBetter) {
  EXPECT_EQ(Metric<Accuracy>("k: 3", F32({2, 3}), I32({2})), "InTopK k=3 : f32[2]");
  EXPECT_EQ(Metric<Accuracy>("k: 5", F32({2, 3}), I32({2})),
            "k: 'name': k is 5, but there are 3 classes: every example would count as right");
  EXPECT_EQ(Metric<Accuracy>("k: 0", F32({2, 3}), I32({2})), "k: 'name': k is 0; it must be at least 1");
  EXPECT_TRUE(Registry<MetricEntry>::Get().Find("gradus.Accuracy")->larger_is_better);
  EXPECT_FALSE(Registry<MetricEntry>::Get().Find("gradus.MeanSquaredErrorMetric")->larger_is_better);
}

// What an operation says of these labels of ten classes.
std::string ErrorOf(absl::string_view op, const std::vector<int32_t>& labels, Attrs attrs) {
  const auto n = static_cast<int64_t>(labels.size());
  const std::vector<float> numbers(10 * labels.size(), 1);
  std::vector<KernelInput> inputs = {{I32({n}), labels.data()}};
  if (op == "PutLabel") inputs.insert(inputs.begin(), {F32({n}), numbers.data()});
  if (op != "LabelWeight" && op != "PutLabel") inputs.insert(inputs.begin(), {F32({n, 10}), numbers.data()});
  if (op == "SoftmaxCrossEntropyBackward") inputs.push_back({F32({n}), numbers.data()});
  return std::string(RunKernel(op, inputs, std::move(attrs)).status().message());
}

TEST(LabelTest, OutsideTheClassesIsAnErrorThatNamesTheExample) {
  const std::string message = "label 12 of example 3 of the batch is outside [0, 10)";
  const std::vector<int32_t> labels = {0, 9, 1, 12, 99};
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropy", labels, CrossEntropyAttrs{}), message);
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropyBackward", labels, CrossEntropyAttrs{}), message);
  EXPECT_EQ(ErrorOf("InTopK", labels, TopKAttrs{1}), message);
  EXPECT_EQ(ErrorOf("TakeLabel", labels, LabelElementsAttrs{10}), message);
  EXPECT_EQ(ErrorOf("PutLabel", labels, LabelElementsAttrs{10}), message);
  EXPECT_EQ(ErrorOf("LabelWeight", labels, LabelWeightAttrs{std::vector<double>(10, 1.0)}), message);
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropy", {-1}, CrossEntropyAttrs{}),
            "label -1 of example 0 of the batch is outside [0, 10)");
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropy", {std::numeric_limits<int32_t>::min()}, CrossEntropyAttrs{}),
            "label -2147483648 of example 0 of the batch is outside [0, 10)");
}

TEST(LabelTest, OfASequenceNamesTheExample) {
  const std::vector<int32_t> labels = {0, 1, 2, 3, 4, 5};
  const std::vector<float> logits(6 * 5);
  EXPECT_EQ(RunKernel("SoftmaxCrossEntropy", {{F32({2, 3, 5}), logits.data()}, {I32({2, 3}), labels.data()}},
                      CrossEntropyAttrs{})
                .status()
                .message(),
            "label 5 of example 1 of the batch is outside [0, 5)");
}

TEST(InTopKTest, ALogitThatIsNoNumberIsNeverRight) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {nan, nan, nan, 0, 1, 0};
  const std::vector<int32_t> labels = {1, 1};
  const auto right = RunKernel("InTopK", {{F32({2, 3}), logits.data()}, {I32({2}), labels.data()}}, TopKAttrs{1});
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_EQ(*right, (std::vector<float>{0, 1}));
}

}  // namespace
}  // namespace gradus
