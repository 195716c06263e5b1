// Every pass leaves the results of every model of examples/ as they are: each trains and infers with all passes, with
// none, and with each one left out. Images are made smaller where the model allows it. Takes minutes.
//
// The measure is the model's own: what rounding does to its results is found out by training it without passes on
// images of which each number is changed by one rounding of float32. A pass rounds as much in each layer, so that its
// differences may be a multiple of that, and never more than what is small for a user: 1e-4 of a loss in three steps.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "graph/load_model.h"
#include "graph/passes.h"
#include "gtest/gtest.h"
#include "tests/testlib/pass_comparison.h"

namespace gradus {
namespace {

// Files that are a model on their own, without those that only hold blocks.
std::vector<std::string> ModelFiles() {
  std::vector<std::string> models;
  for (const char* folder : {"cifar", "digits", "imagenet", "mnist"}) {
    const absl::StatusOr<std::vector<std::string>> files = ListFolder(absl::StrCat("examples/", folder));
    if (!files.ok()) continue;
    for (const std::string& file : *files) {
      if (!absl::EndsWith(file, ".textproto") || absl::EndsWith(file, ".train.textproto")) continue;
      const std::string path = absl::StrCat("examples/", folder, "/", file);
      const absl::StatusOr<std::string> text = ReadFile(path);
      if (text.ok() && absl::StrContains(*text, "\ninput")) models.push_back(path);
    }
  }
  return models;
}

// Still 3 by 3 positions in the last stage, so that batch norm has something to do there.
absl::StatusOr<LoadedModel> LoadSmaller(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return LoadModelText(absl::StrReplaceAll(*text, {{"[3, 224, 224]", "[3, 96, 96]"}, {"[3, 227, 227]", "[3, 99, 99]"}}),
                       path);
}

class ModelPassesTest : public testing::TestWithParam<std::string> {};

TEST_P(ModelPassesTest, KeepResults) {
  const absl::StatusOr<LoadedModel> model = LoadSmaller(GetParam());
  ASSERT_TRUE(model.ok()) << model.status();
  PassSetting setting;
  setting.training.set_batch_size(4);
  setting.training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  setting.batches = 3;
  setting.learning_rate = 0.01;
  setting.classes = 10;
  const absl::StatusOr<PassRun> none = RunWithout({"all"}, *model, setting);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_NE(none->losses.front(), none->losses.back());
  PassSetting rounded = setting;
  rounded.rounded = true;
  const absl::StatusOr<PassRun> other = RunWithout({"all"}, *model, rounded);
  ASSERT_TRUE(other.ok()) << other.status();
  const PassDifference yardstick = Compare(*other, *none);
  std::printf("%s\n  by rounding of the images: %s\n", GetParam().c_str(), yardstick.ToString().c_str());

  std::vector<std::vector<std::string>> skips = {{}};
  for (const Pass& pass : Pipeline()) skips.push_back({pass.name});
  PassDifference worst;
  for (const std::vector<std::string>& skip : skips) {
    const absl::StatusOr<PassRun> run = RunWithout(skip, *model, setting);
    ASSERT_TRUE(run.ok()) << run.status();
    const PassDifference difference = Compare(*run, *none);
    SCOPED_TRACE(absl::StrCat("without ", skip.empty() ? "nothing" : skip[0], ": ", difference.ToString()));
    EXPECT_LT(difference.losses, 1e-4);
    std::printf("  %s: %s\n", skip.empty() ? "nothing" : skip[0].c_str(), difference.ToString().c_str());
    worst.Include(difference);
  }
  std::printf("  worst: %s\n", worst.ToString().c_str());
  std::fflush(stdout);
}

INSTANTIATE_TEST_SUITE_P(Examples, ModelPassesTest, testing::ValuesIn(ModelFiles()), [](const auto& info) {
  absl::string_view name = info.param;
  absl::ConsumePrefix(&name, "examples/");
  absl::ConsumeSuffix(&name, ".textproto");
  return absl::StrReplaceAll(name, {{"/", "_"}});
});

TEST(ModelPassesTest, ThereAreModels) { EXPECT_GE(ModelFiles().size(), 20u); }

}  // namespace
}  // namespace gradus
