#include "train/init_from.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/tiny_run.h"
#include "train/safetensors.h"

namespace gradus {
namespace {

constexpr char kModel[] = R"(input { name: "x" dims: [3] }
layer { name: "conv1/a" dense { units: 2 } }
layer { name: "fc" dense { units: 2 } }
loss { name: "y" value {} }
)";

// All elements `value`.
Tensor Filled(const Dims& dims, float value) {
  Tensor tensor(TensorType{DType::kFloat32, *Shape::Make(dims)});
  std::fill(tensor.values<float>().begin(), tensor.values<float>().end(), value);
  return tensor;
}

class InitFromTest : public testing::Test {
 protected:
  void SetUp() override { folder_ = ScratchFolder(); }

  struct Constant {
    std::string name;
    Dims dims;
    float value;
  };

  // A plain safetensors file.
  void Write(const std::string& name, const std::vector<Constant>& constants) {
    std::vector<Tensor> tensors;
    for (const Constant& constant : constants) tensors.push_back(Filled(constant.dims, constant.value));
    std::vector<TensorToWrite> writes;
    for (size_t i = 0; i < tensors.size(); ++i) writes.push_back(ToWrite(constants[i].name, tensors[i]));
    ASSERT_TRUE(WriteSafetensors(folder_ + "/" + name, writes).ok());
  }

  // Variables of zeros, then `init_from`.
  absl::Status Init(const std::string& init_from) {
    const std::string training = absl::StrCat("model: \"m\" train_data {}\n", init_from);
    absl::StatusOr<TrainingFile> file =
        LoadTrainingText(training, folder_ + "/train.textproto", kModel, "model.textproto", {});
    if (!file.ok()) return file.status();
    variables_ = std::make_unique<VariableStore>(1);
    for (const auto& [name, dims] : std::vector<std::pair<std::string, Dims>>{
             {"conv1/a/weights", {2, 3}}, {"conv1/a/bias", {2}}, {"fc/weights", {2, 2}}, {"fc/bias", {2}}}) {
      Variable variable;
      variable.name = name;
      variable.type = TensorType{DType::kFloat32, *Shape::Make(dims)};
      EXPECT_TRUE(variables_->Declare(variable).ok());
      EXPECT_TRUE(variables_->Set(variables_->Find(name), Filled(dims, 0)).ok());
    }
    printed_.clear();
    return InitializeFrom(*file, variables_.get(), [this](const std::string& line) { printed_.push_back(line); });
  }

  float First(const std::string& name) { return variables_->Get(variables_->Find(name))->values<float>()[0]; }

  std::string folder_;
  std::unique_ptr<VariableStore> variables_;
  std::vector<std::string> printed_;
};

TEST_F(InitFromTest, TakesAPlainFile) {
  Write("w.safetensors", {{"conv1/a/weights", {2, 3}, 1},
                          {"conv1/a/bias", {2}, 2},
                          {"fc/weights", {2, 2}, 3},
                          {"fc/bias", {2}, 4},
                          {"more", {5}, 5}});
  const absl::Status status = Init("init_from { checkpoint: \"w.safetensors\" }");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(First("conv1/a/weights"), 1);
  EXPECT_EQ(First("fc/bias"), 4);
  EXPECT_EQ(printed_, (std::vector<std::string>{"conv1/a/weights <- conv1/a/weights f32[2, 3]",
                                                "conv1/a/bias <- conv1/a/bias f32[2]",
                                                "fc/weights <- fc/weights f32[2, 2]", "fc/bias <- fc/bias f32[2]"}));
}

TEST_F(InitFromTest, RenamesMatchesAndGoesInOrder) {
  Write("torch.safetensors", {{"features.0.weight", {2, 3}, 1},
                              {"features.0.bias", {2}, 2},
                              {"head/weights", {2, 2}, 3},
                              {"head/bias", {2}, 4}});
  Write("bias.safetensors", {{"fc/bias", {2}, 9}});
  const absl::Status status = Init(R"(
init_from {
  checkpoint: "torch.safetensors"
  rename { to: "conv1/a/weights" from: "features.0.weight" }
  rename { to: "conv1/a/bias" from: "features.0.bias" }
  rename { to: "fc" from: "head" }
}
init_from { checkpoint: "bias.safetensors" match: "fc/b*" })");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(First("conv1/a/weights"), 1);
  EXPECT_EQ(First("conv1/a/bias"), 2);
  EXPECT_EQ(First("fc/weights"), 3);
  EXPECT_EQ(First("fc/bias"), 9);
  EXPECT_EQ(printed_[2], "fc/weights <- head/weights f32[2, 2]");
}

TEST_F(InitFromTest, IsStrictAndSaysAllThatIsWrong) {
  Write("w.safetensors", {{"conv1/a/weight", {2, 3}, 1}, {"conv1/a/bias", {2}, 2}, {"fc/weights", {7, 2}, 3}});
  EXPECT_EQ(Init("init_from { checkpoint: \"w.safetensors\" }").message(),
            absl::StrCat(folder_, "/train.textproto:2:13: init_from[0].checkpoint: '", folder_,
                         "/w.safetensors' does not give what the model needs:\n"
                         "  'conv1/a/weights': there is no 'conv1/a/weights'; did you mean 'conv1/a/weight'?\n"
                         "  'fc/weights' is f32[2, 2], but 'fc/weights' there is f32[7, 2]\n"
                         "  'fc/bias': there is no 'fc/bias'; known: conv1/a/bias, conv1/a/weight, fc/weights\n"
                         "rename { to: from: } maps names; allow_missing and allow_mismatch keep initialisers"));
  EXPECT_EQ(First("conv1/a/bias"), 0);  // not even what was right

  const absl::Status status =
      Init("init_from { checkpoint: \"w.safetensors\" allow_missing: true allow_mismatch: true }");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(First("conv1/a/bias"), 2);
  EXPECT_EQ(First("fc/weights"), 0);
  EXPECT_EQ(
      printed_,
      (std::vector<std::string>{
          absl::StrCat("conv1/a/weights <- its initialiser (", folder_, "/w.safetensors has no 'conv1/a/weights')"),
          "conv1/a/bias <- conv1/a/bias f32[2]",
          "fc/weights <- its initialiser ('fc/weights' is f32[7, 2], not f32[2, 2])",
          absl::StrCat("fc/bias <- its initialiser (", folder_, "/w.safetensors has no 'fc/bias')")}));
}

TEST_F(InitFromTest, NamesWhatIsOfNoUse) {
  Write("w.safetensors", {{"conv1/a/weights", {2, 3}, 1}});
  PutFile(folder_ + "/text", "neither");
  struct Row {
    const char* rest;
    std::string message;  // after "init_from[0]"
  };
  const std::string path = folder_ + "/w.safetensors";
  const Row rows[] = {
      {"checkpoint: \"w.safetensors\" match: \"fcc/**\"",
       ".match[0]: pattern 'fcc/**' matches no variable; did you mean 'fc'?"},
      {"checkpoint: \"w.safetensors\" rename { to: \"conv1/b\" from: \"x\" }",
       ".rename[0]: no variable to initialise is, or begins with, 'conv1/b'; did you mean 'conv1/a'?"},
      {"checkpoint: \"w.safetensors\" match: \"fc/**\" allow_missing: true",
       absl::StrCat(".checkpoint: '", path, "' gives no variable of the model")},
      {"checkpoint: \"none\"", absl::StrCat(".checkpoint: there is no '", folder_,
                                            "/none'; wanted is the folder of a checkpoint or a run, or a .safetensors "
                                            "file")},
      {"checkpoint: \"text\"",
       absl::StrCat(".checkpoint: '", folder_, "/text': no safetensors file: it is shorter than 8 bytes")},
      {"checkpoint: \".\"", absl::StrCat(".checkpoint: '", folder_,
                                         "/.' is neither a checkpoint (it has no state.textproto) nor a run (it has no "
                                         "folder checkpoints)")},
  };
  for (const Row& row : rows) {
    const std::string message(Init(absl::StrCat("init_from { ", row.rest, " }")).message());
    const size_t at = message.find("init_from[0]");
    ASSERT_NE(at, std::string::npos) << message;
    EXPECT_EQ(message.substr(at + 12), row.message);
  }
}

// Fine-tuning: another run's weights, with its momentum left behind.
TEST_F(InitFromTest, StartsARunFromAnother) {
  TinyRun first = TinyRun::Line({1, 2, 3, 4}, "steps: 3 optimizer { sgd { momentum: 0.5 } }", folder_ + "/first");
  ASSERT_TRUE(first.Run().ok());
  for (const std::string& path : {folder_ + "/first", CheckpointFolder(folder_ + "/first", 3)}) {
    std::filesystem::remove_all(folder_ + "/second");
    TinyRun second =
        TinyRun::Line({0, 0}, absl::StrCat("steps: 1 init_from { checkpoint: \"", path, "\" }"), folder_ + "/second");
    const absl::StatusOr<TrainResult> result = second.Run();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(second.Weight(), first.Weight());
    // Only at the beginning: a resumed run has its own weights.
    std::filesystem::rename(folder_ + "/first", folder_ + "/away");
    second.options.resume = true;
    second.overrides = {"steps=2"};
    EXPECT_TRUE(second.Run().ok());
    std::filesystem::rename(folder_ + "/away", folder_ + "/first");
  }
}

// Before the run folder is made, and so in a dry run too.
TEST_F(InitFromTest, FailsEarly) {
  TinyRun run = TinyRun::Line({1, 2}, "init_from { checkpoint: \"none\" }", folder_ + "/run");
  EXPECT_FALSE(run.Create().ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/run"));
}

TEST_F(InitFromTest, ReshapesWhatHasAsManyElements) {
  Write("w.safetensors", {{"conv1/a/weights", {2, 1, 3, 1}, 1},
                          {"conv1/a/bias", {1, 2}, 2},
                          {"fc/weights", {3, 2}, 3},
                          {"fc/bias", {2}, 4}});
  const absl::Status refused = Init("init_from { checkpoint: \"w.safetensors\" reshape: true }");
  EXPECT_NE(refused.message().find("'fc/weights' is f32[2, 2], but 'fc/weights' there is f32[3, 2]"), std::string::npos)
      << refused;
  EXPECT_EQ(refused.message().find("conv1/a"), std::string::npos) << refused;
  const absl::Status status =
      Init("init_from { checkpoint: \"w.safetensors\" reshape: true match: [\"conv1/**\", \"fc/bias\"] }");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(First("conv1/a/weights"), 1);
  EXPECT_EQ(printed_[0], "conv1/a/weights <- conv1/a/weights f32[2, 1, 3, 1] as f32[2, 3]");
}

}  // namespace
}  // namespace gradus
