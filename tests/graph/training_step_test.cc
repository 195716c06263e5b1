// Whole training steps with the operations that there are: accumulation, clipping, bad batches, determinism,
// allocation, and inference from several threads.
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/tensor.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "tests/graph/allocation_trace.h"
#include "tests/graph/training_steps.h"
#include "train/evaluator.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

// With statistics over the batch, noise, and a function that has no value for negative numbers.
constexpr char kFragileModel[] = R"(
input { name: "image" dims: [3, 8, 8] }
input { name: "label" dtype: INT32 }
layer { name: "conv1" conv { filters: 8 kernel: 3 norm { batch {} } activation: RELU } }
layer { name: "root" input: "image" unary { function: SQRT } }
layer { name: "fc1" input: "conv1" dense { units: 16 } }
layer { name: "drop" dropout { rate: 0.3 } }
layer { name: "fc2" input: "root" dense { units: 16 } }
layer { name: "sum" input: ["drop", "fc2"] binary { function: ADD } }
layer { name: "logits" dense { units: 5 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
output: "logits")";

// Examples [first, first + count) of a batch.
Batch Part(const Batch& batch, int64_t first, int64_t count) {
  Batch part{Tensor(TensorType{DType::kFloat32, {count, 3, 8, 8}}), Tensor(TensorType{DType::kInt32, {count}})};
  std::memcpy(part.images.data(), batch.images.data() + first * 192 * 4, part.images.bytes());
  std::memcpy(part.labels.data(), batch.labels.data() + first * 4, part.labels.bytes());
  return part;
}

// sqrt(sum of squares) of the difference between two sets of parameters.
double Distance(const Bytes& a, const Bytes& b) {
  double sum = 0;
  for (const auto& [name, bytes] : a) {
    const auto* x = reinterpret_cast<const float*>(bytes.data());
    const auto* y = reinterpret_cast<const float*>(b.at(name).data());
    for (size_t i = 0; i < bytes.size() / 4; ++i) sum += (x[i] - y[i]) * static_cast<double>(x[i] - y[i]);
  }
  return std::sqrt(sum);
}

TEST(TrainingStepTest, TheLossFalls) {
  const auto learner = MakeLearner(kModel, "batch_size: 32 optimizer { sgd { momentum: 0.9 } }");
  const double first = Step(learner.get(), MakeBatch(0, 32), 0.05).loss;
  double last = first;
  for (int step = 1; step < 40; ++step) last = Step(learner.get(), MakeBatch(32 * step, 32), 0.05).loss;
  EXPECT_NEAR(first, std::log(5.0), 0.5);
  EXPECT_LT(last, 0.2);
  EXPECT_EQ(learner->step(), 40);
}

TEST(TrainingStepTest, AccumulatedBatchesEqualOneLargeBatch) {
  const char* optimizer = "optimizer { sgd { momentum: 0.9 } } weight_decay: 0.01 clip_norm: 0.7";
  const auto large = MakeLearner(kModel, absl::StrCat("batch_size: 12 ", optimizer));
  const auto small = MakeLearner(kModel, absl::StrCat("batch_size: 4 accumulate: 3 ", optimizer));
  const Bytes start = Variables(large.get());
  for (int step = 0; step < 3; ++step) {
    const Batch batch = MakeBatch(12 * step, 12);
    const StepResult whole = Step(large.get(), batch);
    EXPECT_TRUE(whole.updated);
    for (int part = 0; part < 3; ++part) {
      const StepResult result = Step(small.get(), Part(batch, 4 * part, 4));
      EXPECT_EQ(result.updated, part == 2);
      if (part < 2) continue;
      EXPECT_NEAR(result.loss, whole.loss, 1e-5);
      EXPECT_NEAR(result.gradient_norm, whole.gradient_norm, 1e-5);
    }
  }
  Bytes accumulated = Variables(small.get());
  const Bytes at_once = Variables(large.get());
  EXPECT_EQ(small->step(), 3);
  EXPECT_GT(Distance(start, at_once), 0.1);
  EXPECT_LT(Distance(at_once, accumulated), 1e-5);
}

TEST(TrainingStepTest, ClippingBoundsTheStep) {
  const auto free = MakeLearner(kModel, "batch_size: 8");
  const auto clipped = MakeLearner(kModel, "batch_size: 8 clip_norm: 0.01");
  const Bytes before = Variables(clipped.get());
  const StepResult result = Step(clipped.get(), MakeBatch(0, 8), 0.5);
  EXPECT_GT(result.gradient_norm, 0.01);
  EXPECT_NEAR(Distance(before, Variables(clipped.get())), 0.5 * 0.01, 1e-5);
  Step(free.get(), MakeBatch(0, 8), 0.5);
  EXPECT_NEAR(Distance(before, Variables(free.get())), 0.5 * result.gradient_norm, 1e-4);
}

TEST(TrainingStepTest, FrozenParametersStay) {
  const auto learner = MakeLearner(
      kModel,
      "batch_size: 8 param_group { match: 'conv1/*' freeze: true } param_group { match: '**/bias' weight_decay: 0 }");
  const Bytes before = Variables(learner.get());
  Step(learner.get(), MakeBatch(0, 8));
  const Bytes after = Variables(learner.get());
  for (const auto& [name, bytes] : before) {
    EXPECT_EQ(bytes == after.at(name), absl::StartsWith(name, "conv1/")) << name;
  }
}

TEST(TrainingStepTest, ABadBatchChangesNothingAndIsExplained) {
  const auto learner = MakeLearner(kFragileModel, "batch_size: 8 optimizer { adam {} }");
  Step(learner.get(), MakeBatch(0, 8), 0.01);
  const Bytes before = Variables(learner.get());
  Batch bad = MakeBatch(8, 8);
  bad.images.values<float>()[100] = -1;
  EXPECT_EQ(learner->Step(bad.feeds(), 0.01).status().message(),
            "at step 1 the loss is nan; m:5:1: Unary 'root' is the first to give NaN (output 0, f32[8, 3, 8, 8]). No "
            "variable was changed. A lower learning_rate, clip_norm or a check of the data may help");
  bad.images.values<float>()[100] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(
      learner->Step(bad.feeds(), 0.01).status().message(),
      "at step 1 the loss is nan; input 'image' (f32[8, 3, 8, 8]) is fed infinity as element 100. No variable was "
      "changed. A lower learning_rate, clip_norm or a check of the data may help");
  EXPECT_EQ(Variables(learner.get()), before) << "neither parameters nor statistics nor slots";
  EXPECT_EQ(learner->step(), 1);

  const auto other = MakeLearner(kFragileModel, "batch_size: 8 optimizer { adam {} }");
  Step(other.get(), MakeBatch(0, 8), 0.01);
  Step(learner.get(), MakeBatch(8, 8), 0.01);
  Step(other.get(), MakeBatch(8, 8), 0.01);
  EXPECT_EQ(Variables(learner.get()), Variables(other.get())) << "as if the bad batches had not been";
}

TEST(TrainingStepTest, ABadBatchAmongAccumulatedOnes) {
  const std::string training = "batch_size: 4 accumulate: 2";
  const auto learner = MakeLearner(kFragileModel, training), other = MakeLearner(kFragileModel, training);
  Batch bad = MakeBatch(8, 4);
  bad.images.values<float>()[0] = -1;
  Step(learner.get(), MakeBatch(0, 4));
  Step(other.get(), MakeBatch(0, 4));
  EXPECT_FALSE(learner->Step(bad.feeds(), 0.1).ok());
  EXPECT_TRUE(Step(learner.get(), MakeBatch(4, 4)).updated);
  EXPECT_TRUE(Step(other.get(), MakeBatch(4, 4)).updated);
  EXPECT_EQ(Variables(learner.get()), Variables(other.get()));
}

TEST(TrainingStepTest, MistakesInFeedsAreNamed) {
  const auto learner = MakeLearner(kModel, "batch_size: 8");
  Batch batch = MakeBatch(0, 8);
  EXPECT_EQ(learner->Step({{"image", &batch.images}}, 0.1).status().message(), "nothing is fed to input 'label'");
  const Batch small = MakeBatch(0, 4);
  EXPECT_EQ(learner->Step(small.feeds(), 0.1).status().message(),
            "input 'image' is f32[8, 3, 8, 8]; the value is f32[4, 3, 8, 8]");
  batch.labels.values<int32_t>()[3] = 5;
  const Bytes before = Variables(learner.get());
  const absl::Status status = learner->Step(batch.feeds(), 0.1).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "'xent'")) << status;
  EXPECT_EQ(Variables(learner.get()), before);
}

TEST(TrainingStepTest, EqualRunsGiveEqualBytes) {
  for (const char* training : {"batch_size: 8 threads: 1", "batch_size: 8 threads: 2 optimizer { adam {} }",
                               "batch_size: 4 threads: 2 accumulate: 2 optimizer { sgd { momentum: 0.9 } }"}) {
    Bytes first;
    for (int run = 0; run < 2; ++run) {
      const auto learner = MakeLearner(kFragileModel, training);
      const int64_t batch = learner->plan().program().graph.type(Value{0, 0}).shape[0];
      for (int step = 0; step < 6; ++step) Step(learner.get(), MakeBatch(batch * step, batch));
      if (run == 0) {
        first = Variables(learner.get());
      } else {
        EXPECT_EQ(Variables(learner.get()), first) << training;
      }
    }
  }
}

// No step reads memory that no step wrote: poisoned memory gives the same bytes.
TEST(TrainingStepTest, NothingUnwrittenIsRead) {
  for (const char* model : {kModel, kFragileModel}) {
    LearnerOptions debug;
    debug.debug_arena = true;
    const auto plain = MakeLearner(model, "batch_size: 8 optimizer { adam {} }");
    const auto poisoned = MakeLearner(model, "batch_size: 8 optimizer { adam {} }", debug);
    for (int step = 0; step < 3; ++step) {
      Step(plain.get(), MakeBatch(8 * step, 8), 0.01);
      Step(poisoned.get(), MakeBatch(8 * step, 8), 0.01);
    }
    EXPECT_EQ(Variables(plain.get()), Variables(poisoned.get()));
  }
}

// Training, evaluation of another batch size and prediction, in turn over the same variables.
TEST(TrainingStepTest, PlansOfSeveralKindsTakeTurns) {
  const LoadedModel model = LoadModelText(kModel, "m").value();
  const auto learner = MakeLearner(kModel, "batch_size: 16"), alone = MakeLearner(kModel, "batch_size: 16");
  const auto evaluator = Evaluator::Create(model.model, &learner->session(), 20).value();
  const auto predictor = Predictor::Create(model.model, learner->shared_variables(), 3).value();
  Tensor weights(TensorType{DType::kFloat32, {20}});
  for (float& weight : weights.values<float>()) weight = 1;
  double loss = 0;
  for (int step = 0; step < 30; ++step) {
    Step(learner.get(), MakeBatch(16 * step, 16));
    Step(alone.get(), MakeBatch(16 * step, 16));
    ASSERT_TRUE(evaluator->Start().ok());
    const absl::Status added = evaluator->Add(MakeBatch(5000, 20).feeds(), weights);
    ASSERT_TRUE(added.ok()) << added;
    loss = evaluator->Results()[0].second;
    ASSERT_TRUE(predictor->Run(MakeBatch(0, 3).feeds()).ok());
  }
  EXPECT_EQ(Variables(learner.get()), Variables(alone.get())) << "who looks does not disturb";
  EXPECT_LT(loss, 1);
  EXPECT_EQ(evaluator->Results()[1].first, "top1");
}

TEST(TrainingStepTest, SeveralThreadsInferAlike) {
  const LoadedModel model = LoadModelText(kModel, "m").value();
  const auto learner = MakeLearner(kModel, "batch_size: 16");
  for (int step = 0; step < 5; ++step) Step(learner.get(), MakeBatch(16 * step, 16));
  SessionOptions options;
  options.threads = 1;
  const auto infer = [&](int64_t first) {
    const auto predictor = Predictor::Create(model.model, learner->shared_variables(), 2, options).value();
    std::string bytes;
    for (int run = 0; run < 20; ++run) {
      const std::vector<Tensor> outputs = predictor->Run(MakeBatch(first + 2 * run, 2).feeds()).value();
      bytes.append(reinterpret_cast<const char*>(outputs[0].data()), outputs[0].bytes());
    }
    return bytes;
  };
  std::vector<std::string> expected, seen(4);
  for (int t = 0; t < 4; ++t) expected.push_back(infer(100 * t));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&, t] { seen[t] = infer(100 * t); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, expected);
}

TEST(TrainingStepTest, StepsAllocateNothing) {
  if (!CanTraceAllocations()) GTEST_SKIP() << "malloc is the sanitizer's";
  for (const char* model : {kModel, kFragileModel}) {
    const auto learner = MakeLearner(model, "batch_size: 8 accumulate: 2 threads: 2 optimizer { adam {} }");
    const Batch batch = MakeBatch(0, 8);
    const std::vector<InputFeed> feeds = batch.feeds();
    for (int i = 0; i < 4; ++i) Step(learner.get(), batch, 0.01);
    StartAllocationTrace();
    bool ok = true;
    for (int i = 0; i < 4; ++i) ok = ok && learner->Step(feeds, 0.01).ok();
    const std::map<std::string, int> allocations = StopAllocationTrace();
    EXPECT_TRUE(ok);
    EXPECT_EQ(allocations.count(""), 0u) << allocations.at("") << " allocations of ours in four batches";
    for (const auto& [library, count] : allocations) {
      std::printf("%d allocations of %s in four batches\n", count, library.c_str());
    }
  }
}

// The trace would see an allocation if there were one.
TEST(TrainingStepTest, AllocationsAreSeen) {
  if (!CanTraceAllocations()) GTEST_SKIP() << "malloc is the sanitizer's";
  StartAllocationTrace();
  auto number = std::make_unique<int>(7);
  std::string text(100 + *number, 'x');
  const std::map<std::string, int> allocations = StopAllocationTrace();
  EXPECT_EQ(text.size(), 107u);
  ASSERT_EQ(allocations.count(""), 1u);
  EXPECT_EQ(allocations.at(""), 2);
}

}  // namespace
}  // namespace gradus
