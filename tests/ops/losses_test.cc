// Losses and metrics as layers, and what their kernels say of bad labels.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "ops/in_top_k.h"
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

TEST(AccuracyTest, CountsAndKnowsThatMoreIsBetter) {
  EXPECT_EQ(Metric<Accuracy>("k: 5", F32({2, 3}), I32({2})), "InTopK k=5 : f32[2]");
  EXPECT_EQ(Metric<Accuracy>("k: 0", F32({2, 3}), I32({2})), "k: 'name': k is 0; it must be at least 1");
  EXPECT_TRUE(Registry<MetricEntry>::Get().Find("gradus.Accuracy")->larger_is_better);
  EXPECT_FALSE(Registry<MetricEntry>::Get().Find("gradus.MeanSquaredErrorMetric")->larger_is_better);
}

// What an operation says of these labels of ten classes.
std::string ErrorOf(absl::string_view op, const std::vector<int32_t>& labels, Attrs attrs) {
  const auto n = static_cast<int64_t>(labels.size());
  const std::vector<float> numbers(10 * labels.size(), 1);
  std::vector<KernelInput> inputs = {{I32({n}), labels.data()}};
  if (op != "LabelWeight") inputs.insert(inputs.begin(), {F32({n, 10}), numbers.data()});
  if (op == "SoftmaxCrossEntropyBackward") inputs.push_back({F32({n}), numbers.data()});
  return std::string(RunKernel(op, inputs, std::move(attrs)).status().message());
}

TEST(LabelTest, OutsideTheClassesIsAnErrorThatNamesTheExample) {
  const std::string message = "label 12 of example 3 of the batch is outside [0, 10)";
  const std::vector<int32_t> labels = {0, 9, 1, 12, 99};
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropy", labels, CrossEntropyAttrs{}), message);
  EXPECT_EQ(ErrorOf("SoftmaxCrossEntropyBackward", labels, CrossEntropyAttrs{}), message);
  EXPECT_EQ(ErrorOf("InTopK", labels, TopKAttrs{1}), message);
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
