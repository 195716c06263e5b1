// Trainings of several stages: how files are split, what runs leave, and that they go on after a kill with the same
// bytes.
#include "train/stages.h"

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/data.pb.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/tiny_run.h"

namespace gradus {
namespace {

using ::testing::HasSubstr;

// A small autoencoder, and a classifier with the same first layer.
constexpr char kEncoder[] = R"(name: "encoder"
input { name: "image" dims: [1, 28, 28] }
layer { name: "pixels" flatten {} }
layer { name: "drop" dropout { rate: 0.2 } }
layer { name: "features" dense { units: 8 activation: SIGMOID } }
layer { name: "back" dense { units: 784 } }
loss { name: "xent" input: "back" target: "pixels" binary_cross_entropy {} }
)";

constexpr char kClassifier[] = R"(name: "classifier"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "hidden" dense { units: 8 activation: SIGMOID } }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)";

constexpr char kStages[] = R"(train_data { synthetic_digits { examples: 60 } }
eval_data { synthetic_digits { examples: 20 split: TEST } }
batch_size: 10
optimizer { sgd { momentum: 0.9 } }
threads: 1
steps: 4
checkpoint { every_steps: 2 }
stage { name: "encode" model: "encoder.textproto" learning_rate: 0.5 }
stage { name: "frozen" model: "classifier.textproto" epochs: 1 optimizer { adam {} }
        init_from { stage: "encode" match: "hidden/**" rename { to: "hidden" from: "features" } }
        param_group { match: "hidden/**" freeze: true } }
stage { name: "all" model: "classifier.textproto" learning_rate: 0.1 init_from { stage: "frozen" } }
)";

class StagesTest : public testing::Test {
 protected:
  void SetUp() override {
    PutFile(folder_ + "/encoder.textproto", kEncoder);
    PutFile(folder_ + "/classifier.textproto", kClassifier);
  }

  absl::StatusOr<TrainingFile> Load(const std::string& text, const std::vector<std::string>& overrides = {}) {
    PutFile(folder_ + "/train.textproto", text);
    return LoadTrainingFile(folder_ + "/train.textproto", overrides);
  }

  // The message of what is wrong with the stages after an edit, without the folder.
  std::string Error(const std::string& from, const std::string& to) {
    const std::string text = absl::StrReplaceAll(kStages, {{from, to}});
    EXPECT_NE(text, kStages) << from;
    return absl::StrReplaceAll(Load(text).status().message(), {{folder_ + "/", ""}});
  }

  absl::StatusOr<TrainResult> Run(const std::string& run, bool resume = false,
                                  const std::vector<std::string>& overrides = {}) {
    GRADUS_ASSIGN_OR_RETURN(const TrainingFile file, Load(kStages, overrides));
    TrainerOptions options;
    options.run_dir = folder_ + "/" + run;
    options.resume = resume;
    options.train_dataset = train_dataset_;
    begun_.clear();
    return RunStages(file, options, [this, &file](int i, Trainer&) { begun_.push_back(file.stages[i].stage); });
  }

  // All checkpoints of a run, stage by stage, and the steps of its logs.
  std::string Left(const std::string& run) const {
    std::string all;
    for (const char* stage : {"/stages/encode", "/stages/frozen", ""}) {
      const std::string path = absl::StrCat(folder_, "/", run, stage);
      const absl::StatusOr<std::vector<int64_t>> steps = ListCheckpoints(path);
      EXPECT_TRUE(steps.ok()) << steps.status();
      for (int64_t step : *steps) absl::StrAppend(&all, stage, step, CheckpointBytes(path, step));
      for (const auto& line : Metrics(path)) {
        absl::StrAppend(&all, line["step"].dump(), line.contains("loss") ? " loss\n" : "\n");
      }
    }
    return absl::StrReplaceAll(all, {{run, "run"}});
  }

  const std::string folder_ = ScratchFolder();
  std::vector<std::string> begun_;
  std::shared_ptr<const Dataset> train_dataset_;  // in place of the file's
};

TEST_F(StagesTest, EachHasWhatItSaysAndTheRestOfTheFile) {
  const absl::StatusOr<TrainingFile> file = Load(kStages);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->stages.size(), 3u);
  const TrainingFile &encode = file->stages[0], &frozen = file->stages[1], &all = file->stages[2];
  EXPECT_EQ(encode.stage, "encode");
  EXPECT_EQ(encode.model.written.name(), "encoder");
  EXPECT_EQ(encode.training.learning_rate(), 0.5);
  EXPECT_EQ(encode.training.steps(), 4);
  EXPECT_TRUE(frozen.training.optimizer().has_adam());
  EXPECT_FALSE(frozen.training.has_steps());
  EXPECT_EQ(frozen.training.epochs(), 1);
  EXPECT_EQ(frozen.training.learning_rate(), 0.01);
  EXPECT_EQ(frozen.training.stage_size(), 0);
  EXPECT_TRUE(all.training.optimizer().has_sgd());
  EXPECT_EQ(all.training.param_group_size(), 0);
  EXPECT_EQ(file->model.written.name(), "classifier");
  const std::string path = folder_ + "/train.textproto";
  EXPECT_EQ(encode.source.Lookup("learning_rate").ToString(), path + ":8:51");
  EXPECT_EQ(frozen.source.Lookup("init_from[0].rename[0].from").ToString(), path + ":10:78");
  EXPECT_EQ(frozen.source.Lookup("batch_size").ToString(), path + ":3:1");
}

TEST_F(StagesTest, AFlagSaysHowLong) {
  const absl::StatusOr<TrainingFile> file = Load(kStages, {"stage[1].steps=3", "stage[0].epochs=2", "steps=7"});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->stages[0].training.epochs(), 2);
  EXPECT_FALSE(file->stages[0].training.has_steps());
  EXPECT_EQ(file->stages[1].training.steps(), 3);
  EXPECT_FALSE(file->stages[1].training.has_epochs());
  EXPECT_EQ(file->stages[2].training.steps(), 7);
  EXPECT_EQ(file->stages[1].source.Lookup("steps").ToString(), "--set=stage[1].steps=3");
}

// It would be of no use to stages that say it themselves.
TEST_F(StagesTest, AFlagDoesNotMeanAStageWithALengthOfItsOwn) {
  const auto error = [this](const std::string& text, const std::vector<std::string>& overrides) {
    return absl::StrReplaceAll(Load(text, overrides).status().message(), {{folder_ + "/", ""}});
  };
  EXPECT_EQ(error(kStages, {"steps=2"}),
            "--set=steps=2: stage[1] has a length of its own (train.textproto:9:54); --set=stage[1].steps=2 sets that "
            "one");
  EXPECT_EQ(error(kStages, {"epochs=2", "stage[0].steps=1"}),
            "--set=epochs=2: stage[1] has a length of its own (train.textproto:9:54); --set=stage[1].epochs=2 sets "
            "that one");
  EXPECT_EQ(error(absl::StrReplaceAll(kStages, {{"name: \"all\"", "name: \"all\" steps: 3"}}), {"steps=2"}),
            "--set=steps=2: stage[1] has a length of its own (train.textproto:9:54), and so has 1 other; "
            "--set=stage[1].steps=2 sets that one");
  EXPECT_EQ(error(kStages, {"steps=2", "stage[1].steps=2"}), "");
}

TEST_F(StagesTest, MistakesHaveTheirPlace) {
  EXPECT_EQ(Error("name: \"encode\" model", "model"),
            "train.textproto:8:1: stage[0] needs a name, by which others can start from it\n"
            "train.textproto:10:21: init_from[0].stage: there is no stage 'encode'");
  EXPECT_EQ(Error("stage: \"encode\"", "stage: \"encod\""),
            "train.textproto:10:21: init_from[0].stage: there is no stage 'encod'; did you mean 'encode'?");
  EXPECT_EQ(Error("stage: \"encode\"", "stage: \"all\""),
            "train.textproto:10:21: init_from[0].stage: 'all' comes after 'frozen'; expected an earlier one");
  EXPECT_EQ(Error("stage: \"encode\"", "stage: \"frozen\""),
            "train.textproto:10:21: init_from[0].stage: 'frozen' is this stage itself; expected an earlier one");
  EXPECT_EQ(Error("name: \"all\"", "name: \"encode\""),
            "train.textproto:12:9: a stage 'encode' is already at train.textproto:8:9");
  EXPECT_EQ(Error("name: \"all\"", "name: \"a/b\""),
            "train.textproto:12:9: 'a/b' is no name of a stage: letters, digits, `_` and `-`");
  EXPECT_EQ(Error("name: \"all\"", absl::StrCat("name: \"", std::string(101, 'a'), "\"")),
            "train.textproto:12:9: the stage's name has 101 characters; at most 100 are allowed");
  EXPECT_EQ(Error("\"encoder.textproto\"", "\"encodr.textproto\""),
            "train.textproto:8:24: model: cannot open 'encodr.textproto': No such file or directory; did you mean "
            "'encoder.textproto'?");
  EXPECT_EQ(Error("name: \"all\" model: \"classifier.textproto\"", "name: \"all\""),
            "train.textproto: model is missing: name the model file, relative to this one, like `model: "
            "\"m.textproto\"`");
  EXPECT_EQ(Error("learning_rate: 0.5", "learning_rte: 0.5"),
            "train.textproto:8:51: message 'TrainingStage' has no field 'learning_rte'; did you mean 'learning_rate'?");
  EXPECT_EQ(Error("learning_rate: 0.5", "learning_rate: -1"),
            "train.textproto:8:51: learning_rate is -1; it must be a number above 0");
  EXPECT_EQ(
      Error("learning_rate: 0.5", "seed: 3"),
      "train.textproto:8:51: message 'TrainingStage' has no field 'seed'; it is a field of the 'Training' around it");
  EXPECT_EQ(Error("stage: \"encode\"", "checkpoint: \"a\" stage: \"encode\""),
            "train.textproto:10:9: init_from[0] needs one of `checkpoint` and `stage`");
  EXPECT_EQ(Error("learning_rate: 0.5", "init_from { stage: \"x\" }"),
            "train.textproto:8:63: init_from[0].stage: there is no stage 'x'; the first stage has none before it");
  std::string many = kStages;
  for (int i = 3; i < 1001; ++i) absl::StrAppend(&many, "stage { name: \"s", i, "\" }\n");
  EXPECT_EQ(absl::StrReplaceAll(Load(many).status().message(), {{folder_ + "/", ""}}),
            "train.textproto:1010:1: there are 1001 stages; at most 1000 are allowed");
  // What is wrong for all stages is said once.
  EXPECT_EQ(Error("batch_size: 10", "batch_size: 0"), "train.textproto:3:1: batch_size is 0; it must be at least 1");
  EXPECT_EQ(
      Error("batch_size: 10\noptimizer { sgd { momentum: 0.9 } }", "batch_size: 0 stage { name: \"bad\" epochs: 0 }"),
      "train.textproto:3:1: batch_size is 0; it must be at least 1\n"
      "train.textproto:3:39: epochs is 0; it must be 1 to 1000000000\n"
      "train.textproto: model is missing: name the model file, relative to this one, like `model: "
      "\"m.textproto\"`");
  EXPECT_EQ(absl::StrReplaceAll(Load("model: \"encoder.textproto\" train_data { synthetic_digits {} }\n"
                                     "init_from { stage: \"a\" }")
                                    .status()
                                    .message(),
                                {{folder_ + "/", ""}}),
            "train.textproto:2:13: init_from[0].stage names a stage, but this file has none");
}

TEST_F(StagesTest, ATextWithoutStagesStartsFromNone) {
  const absl::Status status =
      LoadTrainingText("train_data { synthetic_digits {} } init_from { stage: \"a\" }", "t", kEncoder, "m", {})
          .status();
  EXPECT_EQ(status.message(), "t:1:48: init_from[0].stage names a stage, but this file has none");
}

TEST_F(StagesTest, FreezesAndHandsOnWeights) {
  const absl::StatusOr<TrainResult> result = Run("run");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(begun_, (std::vector<std::string>{"encode", "frozen", "all"}));
  EXPECT_EQ(result->stage, "all");
  EXPECT_EQ(result->step, 4);
  EXPECT_THAT(result->ToJson(), HasSubstr(R"({"stage":"all","step":4,)"));
  const auto value = [this](const std::string& checkpoint, const std::string& name) {
    const absl::StatusOr<Checkpoint> opened = Checkpoint::Open(folder_ + "/run/" + checkpoint);
    EXPECT_TRUE(opened.ok()) << opened.status();
    const absl::StatusOr<Tensor> tensor = opened->ReadModel(name);
    EXPECT_TRUE(tensor.ok()) << tensor.status();
    return std::vector<float>(tensor->values<float>().begin(), tensor->values<float>().end());
  };
  const auto encoded = value("stages/encode/checkpoints/step-00000004", "features/weights");
  EXPECT_EQ(value("stages/frozen/checkpoints/step-00000006", "hidden/weights"), encoded);
  EXPECT_NE(value("checkpoints/step-00000002", "hidden/weights"), encoded);
  EXPECT_EQ(Checkpoint::Open(folder_ + "/run/stages/frozen/checkpoints/step-00000006")->state().stage(), "frozen");
}

TEST_F(StagesTest, GoesOnInTheStageWhereItStopped) {
  ASSERT_TRUE(Run("alone").ok());
  const std::string expected = Left("alone");
  const std::string run = folder_ + "/part";
  // As a kill leaves it: in a stage, between two, before a stage's first checkpoint.
  const auto remove = [&run](const std::vector<std::string>& paths) {
    for (const std::string& path : paths) std::filesystem::remove_all(run + "/" + path);
  };
  struct Row {
    std::vector<std::string> missing, begun;
  };
  const Row rows[] = {
      {{"checkpoints/step-00000004"}, {"all"}},
      {{"checkpoints"}, {"frozen", "all"}},
      {{"checkpoints", "metrics.jsonl", "kernels.textproto"}, {"frozen", "all"}},
      {{"checkpoints", "metrics.jsonl", "kernels.textproto", "stages/frozen/checkpoints/step-00000006"},
       {"frozen", "all"}},
      {{"checkpoints", "metrics.jsonl", "kernels.textproto", "stages/frozen"}, {"encode", "frozen", "all"}},
      {{"checkpoints", "metrics.jsonl", "kernels.textproto", "stages"}, {"encode", "frozen", "all"}},
      {{}, {"all"}},
  };
  for (const Row& row : rows) {
    std::filesystem::remove_all(run);
    std::filesystem::copy(folder_ + "/alone", run,
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    remove(row.missing);
    const absl::StatusOr<TrainResult> result = Run("part", /*resume=*/true);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(begun_, row.begun);
    EXPECT_EQ(Left("part").size(), expected.size());
    EXPECT_TRUE(Left("part") == expected)
        << "not the bytes of a run that was left alone, without " << row.missing.size();
  }
}

TEST_F(StagesTest, GoesOnWithoutItsLog) {
  const std::vector<std::string> every_step = {"log_every_steps=1"};
  ASSERT_TRUE(Run("run", /*resume=*/false, every_step).ok());
  const std::string run = folder_ + "/run", whole = CheckpointBytes(run, 4);
  std::filesystem::remove(run + "/metrics.jsonl");
  std::filesystem::remove_all(run + "/checkpoints/step-00000004");
  ASSERT_TRUE(Run("run", /*resume=*/true, every_step).ok());
  EXPECT_EQ(begun_, std::vector<std::string>{"all"});
  EXPECT_EQ(StepsWith(run, "loss"), (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(CheckpointBytes(run, 4) == whole);
}

// Raises a signal when an example is read for the n-th time.
class Interrupting : public Dataset {
 public:
  Interrupting(std::shared_ptr<const Dataset> dataset, int64_t after) : dataset_(std::move(dataset)), left_(after) {}
  int64_t size() const override { return dataset_->size(); }
  const std::vector<Column>& columns() const override { return dataset_->columns(); }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    if (--left_ == 0) std::raise(SIGINT);
    return dataset_->Read(index, columns);
  }

 private:
  const std::shared_ptr<const Dataset> dataset_;
  mutable int64_t left_;
};

TEST_F(StagesTest, ASignalInAStagesLastStepEndsTheRunThere) {
  const std::vector<std::string> in_turn = {"loader_threads=0"};
  ASSERT_TRUE(Run("alone", /*resume=*/false, in_turn).ok());
  SyntheticDigits digits;
  digits.set_examples(60);
  absl::StatusOr<std::unique_ptr<Dataset>> dataset = OpenDataset(digits, {});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  train_dataset_ = std::make_shared<Interrupting>(*std::move(dataset), 31);  // 10 examples a step, 4 steps
  absl::StatusOr<TrainResult> result = Run("part", /*resume=*/false, in_turn);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(begun_, std::vector<std::string>{"encode"});
  EXPECT_EQ(result->stage, "encode");
  EXPECT_EQ(result->step, 4);
  EXPECT_EQ(result->signal, SIGINT);
  EXPECT_EQ(result->exit_code, 128 + SIGINT);
  train_dataset_ = nullptr;
  result = Run("part", /*resume=*/true, in_turn);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(begun_, (std::vector<std::string>{"encode", "frozen", "all"}));
  EXPECT_EQ(result->exit_code, 0);
  EXPECT_TRUE(Left("part") == Left("alone"));
}

TEST_F(StagesTest, RefusesWhatIsNoStageOfItsOwn) {
  ASSERT_TRUE(Run("run").ok());
  EXPECT_THAT(Run("run").status().message(), HasSubstr("go on with its run by --resume, or give another folder"));
  const absl::Status status = Run("run", /*resume=*/true, {"stage[2].name=last"}).status();
  EXPECT_THAT(status.message(), HasSubstr("/run' is the stage 'all', but this training is the stage 'last'"));
}

TEST_F(StagesTest, SaysWhatIsWrongInALateStageBeforeTheFirstStep) {
  const std::string text =
      absl::StrReplaceAll(kStages, {{"match: \"hidden/**\" freeze", "match: \"hiden/**\" freeze"}});
  const absl::StatusOr<TrainingFile> file = Load(text);
  ASSERT_TRUE(file.ok()) << file.status();
  TrainerOptions options;
  options.run_dir = folder_ + "/run";
  const absl::Status status = RunStages(*file, options, nullptr).status();
  EXPECT_THAT(status.message(), HasSubstr("hiden/**"));
  EXPECT_THAT(status.message(), HasSubstr("train.textproto:11:"));
  EXPECT_FALSE(std::filesystem::exists(options.run_dir));
}

// What a late stage starts from is looked at before the first one begins; a stage that is not trained yet is known by
// its variables.
TEST_F(StagesTest, SaysWhatIsWrongInALateInitFromBeforeTheFirstStep) {
  struct Row {
    std::string from, to, place, message;
  };
  const Row rows[] = {
      {"stage: \"frozen\" }", "checkpoint: \"nowhere\" }",
       "12:", "init_from[0].checkpoint: there is no '" + folder_ + "/nowhere'"},
      {"stage: \"frozen\" }", "stage: \"encode\" match: \"logits/**\" rename { to: \"logits\" from: \"back\" } }",
       "12:", "'logits/weights' is f32[10, 8], but 'back/weights' there is f32[784, 8]"},
      {"match: \"hidden/**\" rename", "match: \"hiden/**\" rename", "10:", "init_from[0].match[0]: pattern 'hiden/**'"},
      {"from: \"features\"", "from: \"featres\"",
       "10:", "'hidden/weights': there is no 'featres/weights'; did you mean 'features/weights'?"},
  };
  for (const Row& row : rows) {
    const absl::StatusOr<TrainingFile> file = Load(absl::StrReplaceAll(kStages, {{row.from, row.to}}));
    ASSERT_TRUE(file.ok()) << file.status();
    TrainerOptions options;
    options.run_dir = folder_ + "/run";
    for (const absl::Status& status :
         {RunStages(*file, options, nullptr).status(), PlanStages(*file, options, nullptr)}) {
      EXPECT_THAT(status.message(), HasSubstr(folder_ + "/train.textproto:" + row.place));
      EXPECT_THAT(status.message(), HasSubstr(row.message));
    }
    EXPECT_FALSE(std::filesystem::exists(options.run_dir));
  }
}

TEST_F(StagesTest, PlanningLeavesWarningsToTheRun) {
  PutFile(folder_ + "/tuning", "{");
  const absl::StatusOr<TrainingFile> file = Load(kStages);
  ASSERT_TRUE(file.ok()) << file.status();
  TrainerOptions options;
  options.run_dir = folder_ + "/run";
  options.tuning = std::make_shared<TuningCache>(1, folder_ + "/tuning");
  ASSERT_TRUE(PlanStages(*file, options, nullptr).ok());
  EXPECT_EQ(options.tuning->TakeWarnings().size(), 1u);
}

TEST_F(StagesTest, AnUnknownVariableOfAnEarlierStageIsNamed) {
  const absl::Status status = Run("run", false, {"stage[1].init_from[0].rename[0].from=featres"}).status();
  EXPECT_THAT(status.message(), HasSubstr("'hidden/weights': there is no 'featres/weights'; did you mean "
                                          "'features/weights'?"));
  EXPECT_THAT(status.message(), HasSubstr("train.textproto:10:21: init_from[0].stage"));
}

}  // namespace
}  // namespace gradus
