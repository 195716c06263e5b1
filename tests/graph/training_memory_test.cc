// The memory of whole training steps: what plans say and take, and budgets that make them compute values again.
#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/load_model.h"
#include "graph/memory_planner.h"
#include "gtest/gtest.h"
#include "tests/graph/training_steps.h"
#include "train/learner.h"

namespace gradus {
namespace {

TEST(TrainingMemoryTest, TheArenaIsAsLargeAsThePlanSaysAndNoMoreThanItMust) {
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

TEST(TrainingMemoryTest, AMemoryBudgetIsKeptOrRefused) {
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

TEST(TrainingMemoryTest, ValuesThatAreComputedAgainAreTheSameBytes) {
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

TEST(TrainingMemoryTest, ThePictureOfThePlanNamesWhatIsLarge) {
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

}  // namespace
}  // namespace gradus
