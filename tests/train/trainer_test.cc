#include "train/trainer.h"

#include <cmath>
#include <csignal>
#include <filesystem>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/file.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/tiny_run.h"

namespace gradus {
namespace {

using Steps = std::vector<int64_t>;

const std::vector<float> kTen = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
constexpr char kEvaluate[] = " eval_data {} ";

// Like TinyRun::Line, evaluated on the same numbers.
TinyRun EvaluatedLine(const std::vector<float>& x, const std::string& text, const std::string& run_dir) {
  TinyRun run = TinyRun::Line(x, absl::StrCat(text, kEvaluate), run_dir);
  run.options.eval_dataset = Numbers(x);
  return run;
}

TEST(Trainer, GoesAsFarAsTheFileSays) {
  struct Row {
    const char* text;
    int64_t steps;
    float weight;  // 1 - sum of the batches' means
  };
  const Row rows[] = {
      {"steps: 7 batch_size: 4", 7, 1 - (4 * 1.5f + 3 * 5.5f)},
      {"epochs: 3 batch_size: 4", 6, 1 - 3 * (1.5f + 5.5f)},
      {"batch_size: 4", 2, 1 - (1.5f + 5.5f)},
      {"epochs: 3 batch_size: 4 accumulate: 2", 3, 1 - 3 * 3.5f},
      {"epochs: 3 batch_size: 4 accumulate: 4", 1, 1 - 3.5f},
      // Every example twice: 2 x 45 in batches of 4.
      {"epochs: 2 batch_size: 4 remainder: WRAP", 5, 1 - 90.0f / 4},
      {"epochs: 3 batch_size: 4 remainder: WRAP", 7, 1 - (135 - 8 - 9) / 4.0f},
      {"epochs: 2 batch_size: 20 remainder: WRAP", 1, 1 - 4.5f},
  };
  for (const Row& row : rows) {
    std::string text = row.text;
    TinyRun run = TinyRun::Line(kTen, "", ScratchFolder() + "/run");
    run.training = "model: \"m\" train_data { shuffle: false } learning_rate: 1 threads: 1 " + text;
    const absl::StatusOr<TrainResult> result = run.Run();
    ASSERT_TRUE(result.ok()) << row.text << ": " << result.status();
    EXPECT_EQ(result->step, row.steps) << row.text;
    EXPECT_FLOAT_EQ(run.Weight(), row.weight) << row.text;
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_NE(CheckpointBytes(run.options.run_dir, row.steps), "") << row.text;
  }
}

TEST(Trainer, RefusesARunWithoutASingleStep) {
  TinyRun run = TinyRun::Line(kTen, "accumulate: 9\nepochs: 1", ScratchFolder() + "/run");
  EXPECT_EQ(run.Error(),
            "train.textproto:1:97: the run has no step: one takes 9 batches of 2 examples, but 1 epoch has 5; use more "
            "epochs, a smaller batch_size or less of accumulate");
  EXPECT_FALSE(std::filesystem::exists(run.options.run_dir));
}

TEST(Trainer, TakesEachStepsRateFromTheSchedule) {
  TinyRun run =
      TinyRun::Line({1, 1, 1, 1}, "steps: 6 log_every_steps: 1 schedule { multistep { at: [2, 4] gamma: 0.5 } }",
                    ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  EXPECT_FLOAT_EQ(run.Weight(), 1 - (1 + 1 + 0.5f + 0.5f + 0.25f + 0.25f));
  std::vector<double> rates;
  for (const auto& line : Metrics(run.options.run_dir)) rates.push_back(line["learning_rate"]);
  EXPECT_EQ(rates, (std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.25}));
}

TEST(Trainer, StopsWhenTheScheduleLeavesTheNumbers) {
  TinyRun run =
      TinyRun::Line({1, 1}, "steps: 60 schedule { exponential { gamma: 1e10 } } checkpoint { every_steps: 1 }",
                    ScratchFolder() + "/run");
  EXPECT_EQ(run.Error(), "train.textproto:1:107: schedule makes the learning rate of step 4 1e+40");
  EXPECT_TRUE(std::isfinite(run.Weight()));
}

TEST(Trainer, ClipsTheNormOfTheMeanGradient) {
  for (const char* more : {"", "accumulate: 2 "}) {
    TinyRun run = TinyRun::Line({2, 2, 2, 2}, absl::StrCat(more, "steps: 3 log_every_steps: 1 clip_norm: 0.5"),
                                ScratchFolder() + "/run");
    ASSERT_TRUE(run.Run().ok());
    EXPECT_FLOAT_EQ(run.Weight(), 1 - 3 * 0.5f);
    for (const auto& line : Metrics(run.options.run_dir)) EXPECT_FLOAT_EQ(line["gradient_norm"], 2);
  }
}

// The largest difference of a variable's elements between two runs, relative to its largest element.
double Difference(TinyRun& a, TinyRun& b, const std::string& name) {
  VariableStore& va = a.trainer->learner().variables();
  VariableStore& vb = b.trainer->learner().variables();
  const Tensor ta = *va.Get(va.Find(name)), tb = *vb.Get(vb.Find(name));
  double difference = 0, largest = 0;
  for (size_t i = 0; i < ta.values<float>().size(); ++i) {
    difference = std::max(difference, std::fabs(double{ta.values<float>()[i]} - tb.values<float>()[i]));
    largest = std::max(largest, std::fabs(double{ta.values<float>()[i]}));
  }
  return difference / largest;
}

TEST(Trainer, AccumulatesToTheSameAsALargeBatch) {
  const std::string folder = ScratchFolder();
  constexpr char kModel[] = R"(input { name: "image" dims: [1, 28, 28] } input { name: "label" dtype: INT32 }
layer { name: "conv" conv { filters: 4 kernel: 5 stride: 2 activation: RELU } }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" target: "label" softmax_cross_entropy {} })";
  TinyRun large = TinyRun::Digits("weight_decay: 0.01 clip_norm: 1", folder + "/large");
  TinyRun small = TinyRun::Digits("weight_decay: 0.01 clip_norm: 1 accumulate: 3", folder + "/small");
  large.model = small.model = kModel;
  large.overrides = {"batch_size=24", "steps=3"};
  small.overrides = {"batch_size=8", "steps=3"};
  ASSERT_TRUE(large.Run().ok());
  ASSERT_TRUE(small.Run().ok());
  for (const char* name : {"conv/weights", "conv/bias", "logits/weights", "conv/weights/momentum"}) {
    EXPECT_LT(Difference(large, small, name), 2e-5) << name;
  }
  for (int i = 0; i < 3; ++i) {
    for (const char* key : {"loss", "gradient_norm"}) {
      const double expected = Metrics(large.options.run_dir)[i][key];
      EXPECT_NEAR(Metrics(small.options.run_dir)[i][key], expected, 1e-5 * expected) << key << " " << i;
    }
  }
}

TEST(Trainer, LogsEvaluatesAndSavesWhenItIsDue) {
  struct Row {
    const char* text;
    Steps log, evaluation, checkpoints;
  };
  // The loss falls, so that every evaluation is the best so far and is saved besides.
  const Row rows[] = {
      {"steps: 10 log_every_steps: 4 evaluation { every_steps: 4 } checkpoint { every_steps: 3 keep: 9 }",
       {4, 8, 10},
       {4, 8, 10},
       {3, 4, 6, 8, 9, 10}},
      {"epochs: 2", {10}, {5, 10}, {5, 10}},
      {"epochs: 2 log_every_steps: 3 evaluation { every_steps: 9 } checkpoint { every_steps: 8 }",
       {3, 6, 9, 10},
       {9, 10},
       {9, 10}},
      {"steps: 7", {7}, {7}, {7}},
      {"steps: 3 evaluation { at_start: true }", {3}, {0, 3}, {0, 3}},
      {"steps: 3 checkpoint { at_start: true keep: 1 }", {3}, {3}, {0, 3}},
  };
  for (const Row& row : rows) {
    TinyRun run = EvaluatedLine(kTen, row.text, ScratchFolder() + "/run");
    const absl::StatusOr<TrainResult> result = run.Run();
    ASSERT_TRUE(result.ok()) << row.text << ": " << result.status();
    EXPECT_EQ(StepsWith(run.options.run_dir, "loss"), row.log) << row.text;
    EXPECT_EQ(StepsWith(run.options.run_dir, "eval_loss"), row.evaluation) << row.text;
    EXPECT_EQ(*ListCheckpoints(run.options.run_dir), row.checkpoints) << row.text;
  }
}

TEST(Trainer, WritesTheKeysThatToolsCountOn) {
  TinyRun run = TinyRun::Digits("evaluation { every_steps: 6 }", ScratchFolder() + "/run");
  const absl::StatusOr<TrainResult> result = run.Run();
  ASSERT_TRUE(result.ok()) << result.status();
  const auto keys = [](const nlohmann::ordered_json& json) {
    std::vector<std::string> names;
    for (const auto& [key, value] : json.items()) names.push_back(key);
    return names;
  };
  const auto lines = Metrics(run.options.run_dir);
  ASSERT_EQ(lines.size(), 14u);
  EXPECT_EQ(keys(lines[0]), (std::vector<std::string>{"step", "epoch", "loss", "learning_rate", "gradient_norm",
                                                      "examples_per_second", "data_wait"}));
  EXPECT_EQ(keys(lines[6]), (std::vector<std::string>{"step", "epoch", "eval_loss", "eval_top1"}));
  EXPECT_EQ(lines[6]["step"], 6);
  EXPECT_EQ(lines[5]["epoch"], 1);  // 90 examples are 5 batches
  EXPECT_EQ(keys(nlohmann::ordered_json::parse(result->ToJson())),
            (std::vector<std::string>{"step", "loss", "eval_loss", "eval_top1", "examples_per_second", "data_wait",
                                      "skipped_examples", "peak_bytes"}));
}

TEST(Trainer, KeepsTheBestCheckpoint) {
  // Were a larger loss better, the first evaluation would stay the best.
  TinyRun run = EvaluatedLine(kTen,
                              "steps: 9 evaluation { every_steps: 2 } checkpoint { every_steps: 3 keep: 1 best_metric: "
                              "\"loss\" larger_is_better: true }",
                              ScratchFolder() + "/run");
  ASSERT_TRUE(run.Run().ok());
  EXPECT_EQ(*ListCheckpoints(run.options.run_dir), (Steps{2, 9}));
  EXPECT_EQ(std::filesystem::read_symlink(run.options.run_dir + "/checkpoints/best"), "step-00000002");
}

TEST(Trainer, StopsEarly) {
  struct Row {
    const char* early_stop;
    int64_t step;
  };
  const Row rows[] = {
      {"early_stop { patience: 3 min_delta: 1e6 }", 4},  // the first sets the mark, three miss it
      {"early_stop { patience: 3 }", 9},                 // always better: to the end
      {"early_stop { patience: 2 metric: \"loss\" } checkpoint { larger_is_better: true }", 3},
      {"stop_when { at_most: 1e9 }", 1},
      {"stop_when { metric: \"loss\" at_least: 1e9 }", 9},
  };
  for (const Row& row : rows) {
    TinyRun run = EvaluatedLine(kTen, absl::StrCat("steps: 9 evaluation { every_steps: 1 } ", row.early_stop),
                                ScratchFolder() + "/run");
    absl::StatusOr<TrainResult> result = run.Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->step, row.step) << row.early_stop;
    const std::string saved = CheckpointBytes(run.options.run_dir, row.step);
    EXPECT_NE(saved, "");
    run.options.resume = true;  // it has stopped for good
    result = run.Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->step, row.step) << row.early_stop;
    EXPECT_TRUE(std::isnan(result->loss));
    EXPECT_EQ(CheckpointBytes(run.options.run_dir, row.step), saved);
  }
}

TEST(Trainer, NeverTakesNaNForTheBest) {
  TinyRun run = EvaluatedLine(kTen, "steps: 9 evaluation { every_steps: 1 } early_stop { patience: 3 }",
                              ScratchFolder() + "/run");
  run.options.eval_dataset = Numbers({std::numeric_limits<float>::quiet_NaN()});
  const absl::StatusOr<TrainResult> result = run.Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->step, 3);
  EXPECT_FALSE(Checkpoint::Open(CheckpointFolder(run.options.run_dir, 3))->state().has_best());
  EXPECT_TRUE(Metrics(run.options.run_dir)[0]["eval_loss"].is_null());
}

TEST(Trainer, LeavesAllAsItWasWhenALossIsNotFinite) {
  std::vector<float> numbers = kTen;
  numbers[7] = std::numeric_limits<float>::infinity();
  for (const char* more : {"", "accumulate: 2 "}) {
    TinyRun run =
        TinyRun::Line(numbers, absl::StrCat(more, "epochs: 2 checkpoint { every_steps: 1 }"), ScratchFolder() + "/run");
    EXPECT_EQ(run.Error(),
              absl::StrCat("at step ", *more ? 1 : 3,
                           " the loss is -inf; input 'x' (f32[2, 1]) is fed infinity as element 1. No variable was "
                           "changed. A lower learning_rate, clip_norm or a check of the data may help\n",
                           "example 7 of train_data (train.textproto:1:25) has numbers that are not finite"));
    const int64_t step = *more ? 1 : 3;
    EXPECT_EQ(ListCheckpoints(run.options.run_dir)->back(), step);
    EXPECT_EQ(
        run.Weight(),
        Checkpoint::Open(CheckpointFolder(run.options.run_dir, step))->ReadModel("line/weights")->values<float>()[0]);
    // The run folder is free again, and the last good checkpoint is one to go on from.
    run.options.resume = true;
    run.options.train_dataset = Numbers(kTen);
    EXPECT_TRUE(run.Run().ok());
  }
}

TEST(Trainer, NamesTheFirstNodeThatIsNotFinite) {
  TinyRun run = TinyRun::Line({1e38f, 1e38f}, "steps: 3", ScratchFolder() + "/run");
  run.model = absl::StrReplaceAll(kLineModel, {{"value: 1 ", "value: 10 "}});
  EXPECT_EQ(run.Error(),
            "at step 0 the loss is inf; model.textproto:3:1: Dense 'line' is the first to give infinity (output 0, "
            "f32[2, 1]). No variable was changed. A lower learning_rate, clip_norm or a check of the data may help");
  EXPECT_EQ(run.Weight(), 10);
  EXPECT_TRUE(ListCheckpoints(run.options.run_dir)->empty());
}

// Raises a signal when an example is read for the n-th time.
class Interrupting : public Dataset {
 public:
  Interrupting(std::shared_ptr<Dataset> dataset, int signal, int64_t after)
      : dataset_(std::move(dataset)), signal_(signal), left_(after) {}
  int64_t size() const override { return dataset_->size(); }
  const std::vector<Column>& columns() const override { return dataset_->columns(); }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    if (--left_ == 0) std::raise(signal_);
    return dataset_->Read(index, columns);
  }

 private:
  const std::shared_ptr<Dataset> dataset_;
  const int signal_;
  mutable int64_t left_;
};

TEST(Trainer, FinishesTheStepAndSavesOnASignal) {
  const std::string folder = ScratchFolder();
  TinyRun whole = EvaluatedLine(kTen, "steps: 9 loader_threads: 0", folder + "/whole");
  ASSERT_TRUE(whole.Run().ok());
  for (const int signal : {SIGINT, SIGTERM}) {
    TinyRun run = EvaluatedLine(kTen, "steps: 9 loader_threads: 0", absl::StrCat(folder, "/", signal));
    run.options.train_dataset = std::make_shared<Interrupting>(Numbers(kTen), signal, 2 * 3 + 1);  // in the fourth step
    absl::StatusOr<TrainResult> result = run.Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_code, 128 + signal);
    EXPECT_EQ(result->step, 4);
    EXPECT_EQ(*ListCheckpoints(run.options.run_dir), Steps{4});
    EXPECT_EQ(StepsWith(run.options.run_dir, "loss"), Steps{4});
    run.options.train_dataset = Numbers(kTen);
    run.options.resume = true;
    result = run.Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->exit_code, 0);
    EXPECT_EQ(CheckpointBytes(run.options.run_dir, 9), CheckpointBytes(whole.options.run_dir, 9));
  }
}

TEST(Trainer, HasNotBeenStoppedByASignalInItsLastStep) {
  TinyRun run = EvaluatedLine(kTen, "steps: 4 loader_threads: 0", ScratchFolder() + "/run");
  run.options.train_dataset = std::make_shared<Interrupting>(Numbers(kTen), SIGINT, 2 * 3 + 1);
  const absl::StatusOr<TrainResult> result = run.Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_EQ(result->evaluation.size(), 1u);
}

TEST(Trainer, OfEqualFilesLeavesEqualBytes) {
  const std::string folder = ScratchFolder();
  TinyRun a = TinyRun::Digits("evaluation { every_steps: 4 }", folder + "/a");
  TinyRun b = TinyRun::Digits("evaluation { every_steps: 4 }", folder + "/b");
  ASSERT_TRUE(a.Run().ok());
  ASSERT_TRUE(b.Run().ok());
  EXPECT_EQ(CheckpointBytes(folder + "/a", 12), CheckpointBytes(folder + "/b", 12));
  EXPECT_GT(CheckpointBytes(folder + "/a", 12).size(), 10000u);
}

TEST(Trainer, GivesTheSameBytesWithAnyNumberOfLoaderThreads) {
  const std::string folder = ScratchFolder();
  std::string first;
  for (const char* threads : {"0", "1", "4"}) {
    TinyRun run = TinyRun::Digits(absl::StrCat("remainder: WRAP loader_threads: ", threads), folder + "/" + threads);
    ASSERT_TRUE(run.Run().ok());
    const std::string bytes = CheckpointBytes(run.options.run_dir, 12, /*with_state=*/false);
    EXPECT_NE(bytes, "");
    if (first.empty()) first = bytes;
    EXPECT_EQ(bytes, first) << threads;
  }
}

TEST(Trainer, NamesAnUnknownMetricAndItsPlace) {
  TinyRun run = EvaluatedLine(kTen, "\ncheckpoint { best_metric: \"los\" }", ScratchFolder() + "/run");
  EXPECT_EQ(run.Error(),
            "train.textproto:2:14: checkpoint.best_metric: the model has no metric 'los'; did you mean 'loss'?");
  run = EvaluatedLine(kTen, "\nearly_stop { metric: \"top1\" }", ScratchFolder() + "/run");
  EXPECT_EQ(run.Error(), "train.textproto:2:14: early_stop.metric: the model has no metric 'top1'; known: loss");
}

TEST(Trainer, SaysWhatItWillDo) {
  TinyRun run = EvaluatedLine(kTen, "steps: 2000", ScratchFolder() + "/run");
  const auto trainer = run.Create();
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const std::string text = (*trainer)->Describe();
  EXPECT_EQ(text.substr(0, text.find("memory")), R"(model      line (model.textproto)
training   10 examples, 2,000 steps of 2, 1 thread
evaluation 10 examples
)");
}

}  // namespace
}  // namespace gradus
