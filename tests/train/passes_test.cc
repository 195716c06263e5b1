// Every pass leaves results as they are: networks that hold every pattern train and infer with all passes, with none,
// and with each one left out. Fused operations add the same numbers in another order, so that results agree to the
// rounding of float32, not to the bit: 1e-5 of a loss after steps that change it by far more, 1e-4 of the largest
// output.
#include "graph/passes.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "graph/load_model.h"
#include "graph/op.h"
#include "gtest/gtest.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

constexpr int64_t kBatch = 6, kSteps = 4;

// Convolutions with bias, relu, pooling, dropout; two readers of one value.
constexpr char kPlainNet[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  layer { name: "conv1" conv { filters: 9 kernel: 3 padding: SAME activation: RELU } }
  layer { name: "pool1" pool { kernel: 2 } }
  layer { name: "left"  input: "pool1" conv { filters: 8 kernel: 1 activation: RELU } }
  layer { name: "right" input: "pool1" conv { filters: 16 kernel: 3 padding: SAME activation: RELU } }
  layer { name: "both"  input: ["left", "right"] concat { axis: 1 } }
  layer { name: "conv2" conv { filters: 20 kernel: 3 stride: 2 activation: RELU } }
  layer { name: "drop"  dropout { rate: 0.3 } }
  layer { name: "fc1"   dense { units: 30 norm { batch {} } activation: RELU } }
  layer { name: "logits" dense { units: 5 } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  output: "logits"
)";

// Batch norm and shortcuts, with and without projection; one before a convolution; one that cannot be folded.
constexpr char kResidualNet[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  layer { name: "stem"  conv { filters: 16 kernel: 3 padding: SAME norm { batch {} } activation: RELU } }
  layer { name: "pool"  pool { kernel: 2 } }
  layer { name: "a1"    conv { filters: 16 kernel: 1 norm { batch {} } activation: RELU } }
  layer { name: "a2"    conv { filters: 16 kernel: 3 padding: SAME norm { batch {} } } }
  layer { name: "a"     input: ["a2", "pool"] binary { function: ADD } }
  layer { name: "relu_a" unary { function: RELU } }
  layer { name: "b1"    conv { filters: 12 kernel: 3 stride: 2 padding: SAME norm { batch {} } activation: RELU } }
  layer { name: "b2"    conv { filters: 24 kernel: 1 norm { batch {} } } }
  layer { name: "b0"    input: "relu_a" conv { filters: 24 kernel: 1 stride: 2 norm { batch {} } } }
  layer { name: "b"     input: ["b2", "b0"] binary { function: ADD } }
  layer { name: "relu_b" unary { function: RELU } }
  layer { name: "c0"    batch_norm {} }
  layer { name: "c1"    unary { function: RELU } }
  layer { name: "c2"    conv { filters: 24 kernel: 3 padding: SAME } }
  layer { name: "c3"    conv { filters: 24 kernel: 1 bias: false } }
  layer { name: "c"     input: ["c3", "relu_b"] binary { function: ADD } }
  layer { name: "relu_c" unary { function: RELU } }
  layer { name: "logits" dense { units: 5 } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  output: "logits"
)";

struct Batch {
  Tensor image{TensorType{DType::kFloat32, {kBatch, 3, 12, 12}}};
  Tensor label{TensorType{DType::kInt32, {kBatch}}};
  std::vector<InputFeed> feeds() const { return {{"image", &image}, {"label", &label}}; }
};

Batch MakeBatch(int64_t index) {
  Batch batch;
  RandomSequence random(3, "examples", index);
  for (int32_t& label : batch.label.values<int32_t>()) label = static_cast<int32_t>(random.Below(5));
  for (float& x : batch.image.values<float>()) x = static_cast<float>(random.Uniform(-1, 1));
  return batch;
}

struct Results {
  std::vector<double> losses;    // of each step
  std::vector<double> outputs;   // of inference with the first weights, then with the trained ones
  std::vector<std::string> ops;  // of both plans
};

std::vector<std::string> Operations(const Program& program) {
  std::vector<std::string> ops;
  for (const Node& node : program.graph.nodes()) ops.push_back(node.op->name());
  return ops;
}

absl::Status Train(const char* model_text, const std::vector<std::string>& skip, Results* results) {
  Training training;
  training.set_batch_size(kBatch);
  training.set_threads(2);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  const absl::StatusOr<LoadedModel> model = LoadModelText(model_text, "model");
  if (!model.ok()) return model.status();
  LearnerOptions options;
  options.passes.skip = skip;
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*model, training, options);
  if (!learner.ok()) return learner.status();
  SessionOptions session;
  session.threads = 2;
  session.passes.skip = skip;
  absl::StatusOr<std::unique_ptr<Predictor>> predictor =
      Predictor::Create(model->model, (*learner)->shared_variables(), kBatch, session);
  if (!predictor.ok()) return predictor.status();
  results->ops = Operations((*learner)->plan().program());
  for (std::string& op : Operations((*predictor)->plan().program())) results->ops.push_back(std::move(op));

  const auto infer = [&]() -> absl::Status {
    absl::StatusOr<std::vector<Tensor>> outputs = (*predictor)->Run(MakeBatch(100).feeds());
    if (!outputs.ok()) return outputs.status();
    for (float y : (*outputs)[0].values<float>()) results->outputs.push_back(y);
    return absl::OkStatus();
  };
  if (const absl::Status status = infer(); !status.ok()) return status;
  for (int64_t step = 0; step < kSteps; ++step) {
    const absl::StatusOr<StepResult> result = (*learner)->Step(MakeBatch(step).feeds(), 0.05);
    if (!result.ok()) return result.status();
    results->losses.push_back(result->loss);
  }
  return infer();
}

double Largest(const std::vector<double>& values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

void ExpectNear(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << "of " << i;
}

int Count(const Results& results, const std::string& op) {
  return static_cast<int>(std::count(results.ops.begin(), results.ops.end(), op));
}

class KeepResultsTest : public testing::TestWithParam<const char*> {};

TEST_P(KeepResultsTest, WithAllNoneAndEachLeftOut) {
  Results none;
  ASSERT_EQ(Train(GetParam(), {"all"}, &none), absl::OkStatus());
  // What trains, changes: else the test would compare nothing.
  EXPECT_GT(std::fabs(none.losses.front() - none.losses.back()), 1e-2);
  const std::vector<double> first(none.outputs.begin(), none.outputs.begin() + none.outputs.size() / 2);
  const std::vector<double> last(none.outputs.begin() + none.outputs.size() / 2, none.outputs.end());
  EXPECT_GT(Largest(last), 0);
  EXPECT_NE(first, last);

  std::vector<std::vector<std::string>> skips = {{}};
  for (const Pass& pass : Pipeline()) skips.push_back({pass.name});
  for (const std::vector<std::string>& skip : skips) {
    SCOPED_TRACE(absl::StrCat("without ", skip.empty() ? "nothing" : skip[0]));
    Results results;
    ASSERT_EQ(Train(GetParam(), skip, &results), absl::OkStatus());
    ExpectNear(results.losses, none.losses, 1e-5 * Largest(none.losses));
    ExpectNear(results.outputs, none.outputs, 1e-4 * Largest(none.outputs));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, KeepResultsTest, testing::Values(kPlainNet, kResidualNet),
                         [](const auto& info) { return info.index == 0 ? "Plain" : "Residual"; });

// The networks of this test hold every pattern that there is a pass for.
TEST(KeepResultsNetworksTest, HoldEveryPattern) {
  Results plain, residual;
  ASSERT_EQ(Train(kPlainNet, {}, &plain), absl::OkStatus());
  ASSERT_EQ(Train(kResidualNet, {}, &residual), absl::OkStatus());
  EXPECT_EQ(Count(plain, "FusedConv"), 8);
  EXPECT_EQ(Count(plain, "BatchNormRelu"), 1);
  EXPECT_EQ(Count(plain, "FoldBatchNorm"), 0) << "hoisted";
  EXPECT_EQ(Count(plain, "BatchNormInference"), 0) << "folded";
  EXPECT_EQ(Count(residual, "BatchNormRelu"), 4);
  EXPECT_EQ(Count(residual, "BatchNormReluBackward"), 4);
  EXPECT_EQ(Count(residual, "BatchNormAdd"), 2);
  EXPECT_EQ(Count(residual, "BatchNormInferenceRelu"), 1);
  EXPECT_EQ(Count(residual, "SumReluBackward"), 2);
  EXPECT_EQ(Count(residual, "FusedConv"), 7);
}

}  // namespace
}  // namespace gradus
