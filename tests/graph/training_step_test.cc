// Whole training steps with the operations that there are: accumulation, clipping, bad batches, determinism,
// allocation, and inference from several threads.
#include <google/protobuf/text_format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/random.h"
#include "core/tensor.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "tests/graph/allocation_trace.h"
#include "train/evaluator.h"
#include "train/learner.h"
#include "train/predictor.h"

namespace gradus {
namespace {

using Bytes = std::map<std::string, std::string>;  // by variable

constexpr char kModel[] = R"(
input { name: "image" dims: [3, 8, 8] }
input { name: "label" dtype: INT32 }
layer { name: "conv1" conv { filters: 20 kernel: 3 pad: 1 activation: RELU } }
layer { name: "pool1" pool { kind: MAX kernel: 2 } }
layer { name: "conv2" conv { filters: 12 kernel: 3 } }
layer { name: "fc1" dense { units: 16 activation: TANH } }
layer { name: "logits" dense { units: 5 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
output: "logits")";

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

struct Batch {
  Tensor images, labels;
  std::vector<InputFeed> feeds() const { return {{"image", &images}, {"label", &labels}}; }
};

// Noise around a pattern for each class, all above 0.
Batch MakeBatch(int64_t first, int64_t count) {
  Batch batch{Tensor(TensorType{DType::kFloat32, {count, 3, 8, 8}}), Tensor(TensorType{DType::kInt32, {count}})};
  for (int64_t n = 0; n < count; ++n) {
    RandomSequence random(7, "examples", first + n);
    const int32_t label = static_cast<int32_t>(random.Below(5));
    batch.labels.values<int32_t>()[n] = label;
    for (int64_t i = 0; i < 192; ++i) {
      batch.images.values<float>()[n * 192 + i] =
          static_cast<float>(0.3 * random.Uniform() + (i % 5 == label ? 0.7 : 0));
    }
  }
  return batch;
}

// Examples [first, first + count) of a batch.
Batch Part(const Batch& batch, int64_t first, int64_t count) {
  Batch part{Tensor(TensorType{DType::kFloat32, {count, 3, 8, 8}}), Tensor(TensorType{DType::kInt32, {count}})};
  std::memcpy(part.images.data(), batch.images.data() + first * 192 * 4, part.images.bytes());
  std::memcpy(part.labels.data(), batch.labels.data() + first * 4, part.labels.bytes());
  return part;
}

std::unique_ptr<Learner> MakeLearner(const char* model, const std::string& training_text,
                                     const LearnerOptions& options = {}) {
  Training training;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(training_text, &training));
  if (!training.has_threads()) training.set_threads(1);
  const absl::StatusOr<LoadedModel> loaded = LoadModelText(model, "m");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*loaded, training, options);
  EXPECT_TRUE(learner.ok()) << learner.status();
  return learner.ok() ? *std::move(learner) : nullptr;
}

StepResult Step(Learner* learner, const Batch& batch, double rate = 0.1) {
  const absl::StatusOr<StepResult> result = learner->Step(batch.feeds(), rate);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : StepResult();
}

Bytes Variables(Learner* learner) {
  Bytes bytes;
  VariableStore& store = learner->variables();
  for (int i = 0; i < store.size(); ++i) {
    const Tensor value = store.Get(i).value();
    bytes[store.variable(i).name] = std::string(reinterpret_cast<const char*>(value.data()), value.bytes());
  }
  return bytes;
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

TEST(TrainingStepTest, TheArenaIsAsLargeAsThePlanSaysAndNoMoreThanItMust) {
  const auto learner = MakeLearner(kModel, "batch_size: 32");
  const MemoryNeed need = learner->plan().memory();
  std::vector<BufferUse> uses;
  MemoryPlan memory;
  memory.total_bytes = need.arena;
  for (const PlanBuffer& buffer : learner->plan().buffers()) {
    if (buffer.offset < 0) continue;
    uses.push_back({buffer.bytes, buffer.first_step, buffer.last_step});
    memory.offsets.push_back(buffer.offset);
  }
  EXPECT_TRUE(CheckMemoryPlan(uses, memory).ok()) << CheckMemoryPlan(uses, memory);
  EXPECT_GE(need.arena, need.lower_bound);
  EXPECT_LE(need.arena, need.lower_bound * 1.05);
  EXPECT_EQ(need.variables, learner->variables().bytes());
  EXPECT_EQ(learner->session().memory().total(), need.total());
}

// Blocks with a shortcut, with everything that could notice that it runs twice: statistics over the batch, noise,
// indices of maxima, views, branches that come together.
constexpr char kBlocks[] = R"(
input { name: "image" dims: [3, 8, 8] }
input { name: "label" dtype: INT32 }
defaults { conv { padding: SAME norm { batch {} } activation: RELU } }
layer { name: "stem" conv { filters: 16 kernel: 3 } }
layer { name: "a1" conv { filters: 8 kernel: 1 } }
layer { name: "a2" conv { filters: 16 kernel: 3 activation: NONE } }
layer { name: "a3" input: ["a2", "stem"] binary { function: ADD } }
layer { name: "a4" unary { function: RELU } }
layer { name: "drop" dropout { rate: 0.2 } }
layer { name: "b1" conv { filters: 12 kernel: 3 } }
layer { name: "b2" input: "drop" conv { filters: 4 kernel: 1 norm { none {} } } }
layer { name: "b3" input: "drop" pool { kernel: 3 stride: 1 pad: 1 } }
layer { name: "b4" input: ["b1", "b2", "b3"] concat {} }
layer { name: "pool" pool { kernel: 2 } }
layer { name: "c1" conv { filters: 24 kernel: 3 } }
layer { name: "mean" pool { kind: AVERAGE global: true } }
layer { name: "lines" flatten {} }
layer { name: "fc" dense { units: 32 activation: TANH } }
layer { name: "drop2" dropout { rate: 0.5 } }
layer { name: "logits" dense { units: 5 } }
layer { name: "side" input: "a4" dense { units: 5 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
loss { name: "aux" input: "side" target: "label" weight: 0.3 softmax_cross_entropy {} }
output: "logits")";

TEST(TrainingStepTest, AMemoryBudgetIsKeptOrRefused) {
  const auto fits = MakeLearner(kBlocks, "batch_size: 32");
  Training training;
  training.set_batch_size(32);
  training.set_memory_budget(fits->plan().memory().total());
  const LoadedModel model = LoadModelText(kBlocks, "m").value();
  EXPECT_TRUE(Learner::Create(model, training).ok());
  training.set_memory_budget(training.memory_budget() / 8);
  const absl::Status refused = Learner::Create(model, training).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(absl::StrContains(refused.message(), " without), more than the memory_budget of ")) << refused;

  const std::vector<std::string> parts =
      absl::StrSplit(refused.message(), "; the smallest that would do is memory_budget: ");
  ASSERT_EQ(parts.size(), 2u) << refused;
  int64_t smallest = 0;
  ASSERT_TRUE(absl::SimpleAtoi(parts[1], &smallest)) << refused;
  training.set_memory_budget(smallest);
  const auto least = Learner::Create(model, training);
  ASSERT_TRUE(least.ok()) << least.status();
  EXPECT_EQ((*least)->session().memory().total(), smallest);
  training.set_memory_budget(smallest - 1);
  EXPECT_FALSE(Learner::Create(model, training).ok());
}

// The smallest budget with which the model trains.
int64_t SmallestBudget(const char* model, Training training) {
  training.set_memory_budget(1);
  const absl::Status refused = Learner::Create(LoadModelText(model, "m").value(), training).status();
  int64_t smallest = 0;
  const std::vector<std::string> parts = absl::StrSplit(refused.message(), "memory_budget: ");
  EXPECT_TRUE(parts.size() == 2 && absl::SimpleAtoi(parts[1], &smallest)) << refused;
  return smallest;
}

TEST(TrainingStepTest, ValuesThatAreComputedAgainAreTheSameBytes) {
  const LoadedModel model = LoadModelText(kBlocks, "m").value();
  for (const char* text : {"batch_size: 32 threads: 1 optimizer { sgd { momentum: 0.9 } }",
                           "batch_size: 32 threads: 2 accumulate: 2 clip_norm: 0.5 optimizer { adam {} }"}) {
    Training training;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &training));
    LearnerOptions once;
    once.recompute = false;
    const auto plain = Learner::Create(model, training, once).value();
    EXPECT_EQ(plain->plan().recomputation().steps, 0);
    const int64_t most = plain->session().memory().total(), least = SmallestBudget(kBlocks, training);
    ASSERT_LT(least, 0.8 * most + 200 * kArenaRedZone);
    int steps = 0;
    std::vector<std::unique_ptr<Learner>> others;
    for (int64_t budget : {most - 1, (3 * most + least) / 4, (most + least) / 2, least}) {
      training.set_memory_budget(budget);
      LearnerOptions options;
      options.debug_arena = budget == least;
      absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(model, training, options);
      ASSERT_TRUE(learner.ok()) << learner.status();
      EXPECT_LE((*learner)->session().memory().total(), budget);
      EXPECT_GT((*learner)->plan().recomputation().steps, 0);
      EXPECT_GE((*learner)->plan().recomputation().steps, steps) << "less memory for less work";
      EXPECT_EQ((*learner)->plan().Choices(), plain->plan().Choices());
      steps = (*learner)->plan().recomputation().steps;
      others.push_back(*std::move(learner));
    }
    for (int step = 0; step < 5; ++step) {
      for (int64_t part = 0; part < training.accumulate(); ++part) {
        const Batch batch = MakeBatch(16 * step + 8 * part, training.batch_size());
        const StepResult result = Step(plain.get(), batch, 0.05);
        for (auto& learner : others) {
          const StepResult same = Step(learner.get(), batch, 0.05);
          EXPECT_EQ(same.loss, result.loss);
          EXPECT_EQ(same.gradient_norm, result.gradient_norm);
        }
      }
    }
    for (auto& learner : others) EXPECT_EQ(Variables(learner.get()), Variables(plain.get()));
  }
}

TEST(TrainingStepTest, ThePictureOfThePlanNamesWhatIsLarge) {
  Training training;
  training.set_batch_size(16);
  training.set_memory_budget(SmallestBudget(kBlocks, training));
  const auto learner = Learner::Create(LoadModelText(kBlocks, "m").value(), training).value();
  const std::vector<std::string> lines = absl::StrSplit(learner->plan().DrawMemory(60, 10), '\n');
  ASSERT_GT(lines.size(), 30u);
  for (int row = 0; row < 10; ++row) EXPECT_EQ(lines[row].size(), 60u);
  EXPECT_TRUE(absl::StrContains(lines[9], 'A') || absl::StrContains(lines[9], 'B')) << lines[9];
  EXPECT_EQ(lines[10].size(), 60u);
  for (char mark : {'<', '^', '|'}) EXPECT_TRUE(absl::StrContains(lines[10], mark)) << lines[10];
  EXPECT_TRUE(absl::StrContains(lines[11], " of arena, ")) << lines[11];
  const std::string text = absl::StrJoin(lines, "\n");
  for (const char* part : {"\nThe largest:\n  A ", " again", "a2/norm+a3+a4.0", "\nAlive at the fullest step, "}) {
    EXPECT_TRUE(absl::StrContains(text, part)) << part << "\n" << text;
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
