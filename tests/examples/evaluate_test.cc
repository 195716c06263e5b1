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
