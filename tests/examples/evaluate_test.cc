// What `evaluate` prints and refuses.
#include <nlohmann/json.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

// The model and training files are gone: the checkpoint is enough. Batches that do not divide the 130 examples count
// each once.
TEST(EvaluateTest, TheCheckpointAloneGivesTheRunsOwnResults) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  const ProgramEnd trained =
      RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/run"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto expected = nlohmann::json::parse(LastLine(trained.out));
  std::filesystem::remove(folder + "/model.textproto");
  std::filesystem::remove(folder + "/train.textproto");
  for (const char* batch : {"--batch_size=0", "--batch_size=1", "--batch_size=47", "--batch_size=500"}) {
    const ProgramEnd end = RunExample("evaluate", {"--run_dir=" + folder + "/run", batch});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    EXPECT_EQ(end.err, "");
    const auto json = nlohmann::json::parse(LastLine(end.out));
    EXPECT_EQ(json["step"], 8);
    EXPECT_EQ(json["examples"], 130);
    EXPECT_EQ(json["eval_top1"], expected["eval_top1"]) << batch;
    EXPECT_NEAR(json["eval_loss"], expected["eval_loss"], 1e-5) << batch;
  }
}

TEST(EvaluateTest, PrintsTheConfusionMatrix) {
  const std::string run = TrainSmall(ScratchFolder());
  const ProgramEnd end = RunExample("evaluate", {"--checkpoint=" + run + "/checkpoints/best"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("model  tiny, step 8 (" + run + "/checkpoints/best)\n"));
  EXPECT_THAT(end.out, HasSubstr("data   130 examples of eval_data\n"));
  EXPECT_THAT(end.out, HasSubstr("Rows: label. Columns: predicted class.\nlabel  0 "));
  EXPECT_THAT(end.out, HasSubstr("13  "));  // examples of each class
}

// One score for two classes; each model has another loss.
TEST(EvaluateTest, OfTwoClassesTheSideOfTheThresholdCounts) {
  for (const std::string model : {"xor", "perceptron"}) {
    const std::string run = ScratchFolder() + "/run";
    const ProgramEnd trained =
        RunExample("train", {"--config=examples/perceptron/" + model + ".train.textproto", "--run_dir=" + run});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const ProgramEnd end = RunExample("evaluate", {"--run_dir=" + run});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    const auto json = nlohmann::json::parse(LastLine(end.out));
    ASSERT_EQ(json["eval_right"], 1) << end.out;
    EXPECT_THAT(end.out, testing::ContainsRegex("Rows: label. Columns: predicted class.\n"
                                                "label +0 +1  examples  accuracy\n-+\n"
                                                "0 +[0-9]+ +\\. +[0-9,]+  100.00 %\n"
                                                "1 +\\. +[0-9]+ +[0-9,]+  100.00 %\n"));
  }
}

// Scores of 0 are above -1. With the mask of the loss alone only class 1 counts. Vectors that are compared with each
// other have no classes.
TEST(EvaluateTest, ThresholdsMasksAndWhatHasNoClasses) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/model.textproto", R"(input { name: "point" dims: [2] } input { name: "label" dtype: INT32 }
    layer { name: "score" dense { units: 1 weights_init { constant { value: 0 } } } }
    loss { name: "xent" input: "score" target: "label" binary_cross_entropy {} }
    metric { name: "right" input: "score" target: "label" binary_accuracy { threshold: -1 } } output: "score")");
  PutFile(folder + "/train.textproto", R"(model: "model.textproto" batch_size: 10 steps: 1 learning_rate: 1e-20
    train_data { synthetic_points { kind: XOR examples: 40 } })");
  ASSERT_EQ(RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/run"}).exit_code,
            0);
  ProgramEnd end = RunExample("evaluate", {"--run_dir=" + folder + "/run"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, testing::ContainsRegex("0 +\\. +[0-9]+ +[0-9]+ +0.00 %\n1 +\\. +[0-9]+ +[0-9]+ +100.00 %\n"));

  PutFile(folder + "/model.textproto", R"(input { name: "point" dims: [2] } input { name: "label" dtype: INT32 }
    layer { name: "score" dense { units: 1 weights_init { constant { value: 0 } } } }
    loss { name: "xent" input: "score" target: "label" mask: "label" reduction: MASKED_MEAN binary_cross_entropy {} }
    output: "score")");
  ASSERT_EQ(RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/mask"}).exit_code,
            0);
  end = RunExample("evaluate", {"--run_dir=" + folder + "/mask"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, testing::ContainsRegex("0 +\\. +\\. +0 +-\n1 +"));

  PutFile(folder + "/model.textproto", R"(input { name: "point" dims: [2] } input { name: "label" dtype: INT32 }
    layer { name: "code" dense { units: 4 } }
    loss { name: "apart" input: "code" target: "label" triplet {} } output: "code")");
  const ProgramEnd trained =
      RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/triplet"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  end = RunExample("evaluate", {"--run_dir=" + folder + "/triplet"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, testing::Not(HasSubstr("predicted class")));
}

TEST(EvaluateTest, DamagedCheckpointsAreRefused) {
  const std::string run = TrainSmall(ScratchFolder());
  const std::string checkpoint = run + "/checkpoints/step-00000008";
  std::string tensors = GetFile(checkpoint + "/model.safetensors");
  tensors[tensors.size() - 3] ^= 1;
  PutFile(checkpoint + "/model.safetensors", tensors);
  const ProgramEnd end = RunExample("evaluate", {"--checkpoint=" + checkpoint});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("model.safetensors"));
  EXPECT_THAT(end.err, HasSubstr("checksum"));
  EXPECT_EQ(end.out, "");
}

TEST(EvaluateTest, MissingFoldersAndWrongFlags) {
  const std::string folder = ScratchFolder();
  ProgramEnd end = RunExample("evaluate", {"--run_dir=" + folder + "/none"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "evaluate: there is no checkpoint or run folder '" + folder + "/none'\n");
  end = RunExample("evaluate", {});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "evaluate: --checkpoint or --run_dir is missing\nevaluate: see --help\n");
  end = RunExample("evaluate", {"--run_dir=a", "--checkpoint=b"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "evaluate: --checkpoint and --run_dir are both given; give one of them\nevaluate: see --help\n");
  EXPECT_EQ(RunExample("evaluate", {"--run_dir=a", "--threads=-1"}).exit_code, 2);
  EXPECT_EQ(RunExample("evaluate", {"--run_dir=a", "more"}).exit_code, 2);
}

}  // namespace
}  // namespace gradus
