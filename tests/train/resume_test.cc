// Runs that were stopped, cut off or changed, and go on.
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/file.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/tiny_run.h"

namespace gradus {
namespace {

using Steps = std::vector<int64_t>;

// Takes a run back to what it was when its checkpoint of `step` was saved, but for the log.
void CutBack(const std::string& run_dir, int64_t step) {
  const Steps steps = *ListCheckpoints(run_dir);
  for (const int64_t s : steps) {
    if (s > step) std::filesystem::remove_all(CheckpointFolder(run_dir, s));
  }
}

TEST(Resume, EndsWithTheBytesOfARunThatWasLeftAlone) {
  const char* const optimizers[] = {"optimizer { sgd { momentum: 0.9 nesterov: true } }", "optimizer { adam {} }"};
  for (const char* optimizer : optimizers) {
    TinyRun run = TinyRun::Digits(
        "evaluation { every_steps: 4 } checkpoint { every_steps: 5 keep: 20 } accumulate: 2 remainder: WRAP "
        "schedule { cosine {} } early_stop {}",
        ScratchFolder() + "/run");
    run.training = absl::StrReplaceAll(run.training, {{"optimizer { sgd { momentum: 0.9 } }", optimizer}});
    ASSERT_TRUE(run.Run().ok());
    const std::string whole = CheckpointBytes(run.options.run_dir, 12);
    std::string log;
    for (const auto& line : Metrics(run.options.run_dir)) absl::StrAppend(&log, line["step"].dump(), line.size(), " ");
    run.options.resume = true;
    for (const int64_t step : {10, 5}) {
      CutBack(run.options.run_dir, step);
      const absl::StatusOr<TrainResult> result = run.Run();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->step, 12);
      EXPECT_EQ(CheckpointBytes(run.options.run_dir, 12), whole) << optimizer << " from " << step;
      std::string log_now;
      for (const auto& line : Metrics(run.options.run_dir)) {
        absl::StrAppend(&log_now, line["step"].dump(), line.size(), " ");
      }
      EXPECT_EQ(log_now, log);
    }
  }
}

TEST(Resume, EndsWithTheSameBytesWithinAnotherMemoryBudget) {
  TinyRun run =
      TinyRun::Digits("checkpoint { every_steps: 5 keep: 20 } accumulate: 2 remainder: WRAP", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(run.trainer->learner().plan().recomputation().steps, 0);
  const std::string whole = CheckpointBytes(run.options.run_dir, 12, /*with_state=*/false);
  CutBack(run.options.run_dir, 5);
  run.options.resume = true;
  run.overrides = {"memory_budget=1"};
  absl::StatusOr<TrainResult> result = run.Run();
  // What would do is known for training first, then for training beside evaluation.
  for (int attempt = 0; attempt < 2 && !result.ok(); ++attempt) {
    const std::string refused(result.status().message());
    const size_t budget = refused.rfind("; the smallest that would do is memory_budget: ");
    ASSERT_NE(budget, std::string::npos) << refused;
    run.overrides = {absl::StrCat("memory_budget=", refused.substr(refused.rfind(' ') + 1))};
    result = run.Run();
  }
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(run.trainer->learner().plan().recomputation().steps, 0);
  EXPECT_TRUE(absl::StrContains(run.trainer->Describe(), " more time")) << run.trainer->Describe();
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 12, /*with_state=*/false), whole);
}

// Kernels that were chosen by time stay those of the run, whatever times there are later; also where there is no
// checkpoint yet.
TEST(Resume, ATunedRunKeepsItsKernels) {
  TinyRun run = TinyRun::Digits("checkpoint { every_steps: 5 keep: 20 }", ScratchFolder() + "/run");
  run.options.tuning = std::make_shared<TuningCache>(1);
  ASSERT_TRUE(run.Run().ok());
  EXPECT_GT(run.options.tuning->measured(), 0u);
  const std::string whole = CheckpointBytes(run.options.run_dir, 12);
  const std::string kernels = GetFile(run.options.run_dir + "/kernels.textproto");
  EXPECT_NE(kernels.find("evaluation_kernel_choice {"), std::string::npos) << kernels;
  EXPECT_NE(kernels.find("  layouts: \""), std::string::npos) << kernels;
  run.options.resume = true;
  for (const int64_t step : {5, -1}) {
    CutBack(run.options.run_dir, step);
    run.options.tuning = step < 0 ? std::make_shared<TuningCache>(1) : nullptr;
    ASSERT_TRUE(run.Run().ok());
    EXPECT_EQ(CheckpointBytes(run.options.run_dir, 12), whole) << "from " << step;
    EXPECT_EQ(GetFile(run.options.run_dir + "/kernels.textproto"), kernels) << "from " << step;
    if (run.options.tuning != nullptr) {
      EXPECT_EQ(run.options.tuning->measured(), 0u);
    }
  }
}

// As written before checkpoints named layouts.
TEST(Resume, KernelsWithoutLayouts) {
  TinyRun run = TinyRun::Digits("checkpoint { every_steps: 5 keep: 20 }", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  RunKernels kernels = ReadRunKernels(run.options.run_dir);
  ASSERT_GT(kernels.kernel_choice_size(), 0);
  const std::string whole = CheckpointBytes(run.options.run_dir, 12);
  for (KernelChoice& choice : *kernels.mutable_kernel_choice()) choice.clear_layouts();
  ASSERT_TRUE(WriteRunKernels(run.options.run_dir, kernels).ok());
  CutBack(run.options.run_dir, -1);
  run.options.resume = true;
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 12), whole);
}

TEST(Resume, CutsTheLogBackToTheCheckpoint) {
  TinyRun run = TinyRun::Line({1, 2, 3, 4}, "steps: 6 log_every_steps: 1 checkpoint { every_steps: 2 keep: 9 }",
                              ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  CutBack(run.options.run_dir, 2);
  PutFile(run.options.run_dir + "/metrics.jsonl",
          GetFile(run.options.run_dir + "/metrics.jsonl") + "{\"step\":7,\"loss\":1}\n{\"step\":8,\"lo");
  run.options.resume = true;
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(StepsWith(run.options.run_dir, "step"), (Steps{1, 2, 3, 4, 5, 6}));
}

TEST(Resume, StartsAfreshWhereThereIsNothing) {
  const std::string folder = ScratchFolder();
  TinyRun whole = TinyRun::Line({1, 2, 3, 4}, "steps: 3", folder + "/whole");
  ASSERT_TRUE(whole.Run().ok());
  TinyRun run = TinyRun::Line({1, 2, 3, 4}, "steps: 3", folder + "/run");
  run.options.resume = true;
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 3), CheckpointBytes(whole.options.run_dir, 3));

  // Killed before its first checkpoint.
  std::filesystem::remove_all(run.options.run_dir + "/checkpoints");
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 3), CheckpointBytes(whole.options.run_dir, 3));
  EXPECT_EQ(StepsWith(run.options.run_dir, "step"), Steps{3});
}

TEST(Resume, MustBeAskedFor) {
  TinyRun run = TinyRun::Line({1, 2}, "steps: 1", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(run.Error(), absl::StrCat("the run folder '", run.options.run_dir,
                                      "' is not empty (it holds 'checkpoints', 'kernels.textproto', 'metrics.jsonl'): "
                                      "go on with its run by --resume, or "
                                      "give another folder"));
}

TEST(Resume, RefusesAnotherModelWithBoth) {
  TinyRun run = TinyRun::Line({1, 2}, "steps: 1", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  const std::string before = CheckpointBytes(run.options.run_dir, 1);
  run.options.resume = true;
  run.overrides = {"steps=2"};
  run.model = absl::StrReplaceAll(kLineModel, {{"units: 1", "units: 2"}});
  EXPECT_EQ(run.Error(),
            absl::StrCat("model.textproto: the run in '", run.options.run_dir, "' cannot go on with this model: '",
                         CheckpointFolder(run.options.run_dir, 1),
                         "/model.safetensors' is of another model; 'line/weights' is f32[1, 1] in the file, f32[2, 1] "
                         "in the model; its own model is in its state.textproto, or use another run folder"));
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 1), before);
  run.model = kLineModel;
  EXPECT_TRUE(run.Run().ok());
}

TEST(Resume, RefusesAnotherSeedWithBoth) {
  TinyRun run = TinyRun::Line({1, 2}, "steps: 1 seed: 3", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  run.options.resume = true;
  run.overrides = {"seed=4"};
  EXPECT_EQ(run.Error(), absl::StrCat("--set=seed=4: seed is 4, but the run in '", run.options.run_dir,
                                      "' has seed 3; go on with that one (--set=seed=3), or use another run folder"));
}

TEST(Resume, RefusesAnotherOptimizerWithBoth) {
  TinyRun run = TinyRun::Line({1, 2}, "steps: 1 optimizer { sgd { momentum: 0.5 } }", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  run.options.resume = true;
  run.overrides = {"optimizer={adam {}}"};
  EXPECT_EQ(run.Error(),
            absl::StrCat("--set=optimizer={adam {}}: optimizer is { adam { } }, but the run in '", run.options.run_dir,
                         "' has { sgd { momentum: 0.5 } }, whose state is of no use to it; go on with that one, or "
                         "start another run from these weights by `init_from { checkpoint: \"",
                         run.options.run_dir, "\" }`"));
}

// The examples are those that come next, whatever the batches' size.
TEST(Resume, FindsItsPlaceInTheDataWithAnotherBatchSize) {
  std::vector<float> numbers(12);
  for (int i = 0; i < 12; ++i) numbers[i] = static_cast<float>(i);
  TinyRun run = TinyRun::Line(numbers, "steps: 3", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());  // 0 to 5 in batches of 2
  run.options.resume = true;
  run.overrides = {"batch_size=3", "steps=5"};
  ASSERT_TRUE(run.Run().ok());  // 6 to 11 in batches of 3
  EXPECT_FLOAT_EQ(run.Weight(), 1 - (0.5f + 2.5f + 4.5f) - (7 + 10));
  EXPECT_EQ(Checkpoint::Open(CheckpointFolder(run.options.run_dir, 5))->state().examples_seen(), 12);
}

TEST(Resume, GoesOnWithOtherThreadsAndLongerThanPlanned) {
  TinyRun run = TinyRun::Digits("", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  run.options.resume = true;
  run.overrides = {"threads=2", "steps=14"};
  const absl::StatusOr<TrainResult> result = run.Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->step, 14);
}

TEST(Resume, SkipsDamagedCheckpoints) {
  TinyRun run = TinyRun::Line({1, 2, 3, 4}, "steps: 6 checkpoint { every_steps: 2 keep: 9 }", ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  const std::string whole = CheckpointBytes(run.options.run_dir, 6);
  const std::string file = CheckpointFolder(run.options.run_dir, 6) + "/model.safetensors";
  PutFile(file, GetFile(file).substr(0, 30));
  run.options.resume = true;
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(CheckpointBytes(run.options.run_dir, 6), whole);
}

}  // namespace
}  // namespace gradus
