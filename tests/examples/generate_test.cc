// What `generate` prints and refuses.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

constexpr char kModel[] = R"(
    input { name: "text" dims: [-1] dtype: INT32 }
    input { name: "next" dims: [-1] dtype: INT32 }
    layer { name: "embedding" embedding { size: 16 units: 8 } }
    layer { name: "gru" gru { units: 32 carry_state: true } }
    layer { name: "logits" dense { units: 16 flatten: false } }
    loss { name: "xent" input: "logits" target: "next" softmax_cross_entropy {} }
    output: "logits")";

// Trains on a text that repeats "abcde" and gives the run's folder.
std::string TrainText(const std::string& folder, const std::string& model, const std::string& flags = "") {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "abcde";
  PutFile(folder + "/a.txt", text);
  PutFile(folder + "/model.textproto", model);
  PutFile(folder + "/train.textproto", absl::StrCat(R"(
      model: "model.textproto"
      train_data { text { path: "a.txt" window: 10 streams: 4 } }
      batch_size: 4 steps: 100 learning_rate: 0.03 optimizer { adam {} })",
                                                    flags));
  const ProgramEnd end = RunExample(
      "train", {"--config=" + folder + "/train.textproto", "--data_dir=" + folder, "--run_dir=" + folder + "/run"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  return folder + "/run";
}

TEST(GenerateTest, WritesWhatItWasTrainedOn) {
  const std::string run = TrainText(ScratchFolder(), kModel);
  const ProgramEnd end =
      RunExample("generate", {"--run_dir=" + run, "--prompt=abcdeab", "--length=10", "--temperature=0"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, "abcdeabcdeabcdeab\n");
  const auto draw = [&](const char* seed) {
    return RunExample("generate", {"--run_dir=" + run, "--length=40", "--temperature=9", seed}).out;
  };
  EXPECT_EQ(draw("--seed=3"), draw("--seed=3"));
  EXPECT_NE(draw("--seed=3"), draw("--seed=4"));
}

TEST(GenerateTest, Mistakes) {
  const std::string folder = ScratchFolder(), run = TrainText(folder, kModel);
  const auto error = [&](std::vector<std::string> flags, int code) {
    const ProgramEnd end = RunExample("generate", flags);
    EXPECT_EQ(end.exit_code, code) << end.err;
    return end.err;
  };
  const std::string from = "--run_dir=" + run;
  EXPECT_THAT(error({}, 2), HasSubstr("--checkpoint or --run_dir is missing"));
  EXPECT_THAT(error({from, "--prompt=abX"}, 2), HasSubstr("the character 'X' does not occur in the text"));
  EXPECT_THAT(error({from, "--temperature=-1"}, 2), HasSubstr("--temperature is -1; it must be 0 or more"));
  EXPECT_THAT(error({from, "--length=-1"}, 2), HasSubstr("length"));
  EXPECT_THAT(error({from, "hello"}, 2), HasSubstr("what is 'hello'? The text begins with --prompt"));
  EXPECT_THAT(error({"--run_dir=" + folder + "/none"}, 1), HasSubstr("none"));
}

TEST(GenerateTest, NeedsStateThatIsCarried) {
  std::string model = kModel;
  model.replace(model.find(" carry_state: true"), 18, "");
  const std::string run = TrainText(ScratchFolder(), model);
  const ProgramEnd end = RunExample("generate", {"--run_dir=" + run});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("layer 'gru' forgets its state after each batch; generate needs carry_state: true"));
}

}  // namespace
}  // namespace gradus
