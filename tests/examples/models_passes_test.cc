// Every pass leaves the results of every model of examples/ as they are: each trains and infers with all passes, with
// none, and without each of those that find something in it. Images are made smaller where the model allows it. Takes
// minutes; prints the differences.
//
// They are measured by what one rounding of float32 does to the model: by how much its results change when it trains on
// images of which each number is the next one. Passes round in every layer, and not in the first one alone: they may
// change results by ten times as much, or by 1e-6 of what is compared, if that is more.
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

void ExpectSmall(const PassDifference& got, const PassDifference& rounding, const std::string& what) {
  std::printf("%s: %s\n", what.c_str(), got.ToString().c_str());
  std::fflush(stdout);
  SCOPED_TRACE(absl::StrCat(what, ": ", got.ToString()));
  const auto most = [](double by_rounding) { return std::max(1e-6, 10 * by_rounding); };
  EXPECT_LE(got.losses, most(rounding.losses));
  EXPECT_LE(got.gradient_norms, most(rounding.gradient_norms));
  EXPECT_LE(got.first_outputs, most(rounding.first_outputs));
  EXPECT_LE(got.last_outputs, most(rounding.last_outputs));
  EXPECT_LE(got.first_update, most(rounding.first_update));
  EXPECT_LE(got.last_update, most(rounding.last_update));
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
  const PassDifference rounding = Compare(*other, *none);
  std::printf("one rounding of the images: %s\n", rounding.ToString().c_str());

  const absl::StatusOr<PassRun> all = RunWithout({}, *model, setting);
  ASSERT_TRUE(all.ok()) << all.status();
  ExpectSmall(Compare(*all, *none), rounding, "with all passes");
  for (const Pass& pass : Pipeline()) {
    const auto done = all->done.find(pass.name);
    if (done == all->done.end() || done->second == 0) continue;
    const absl::StatusOr<PassRun> run = RunWithout({pass.name}, *model, setting);
    ASSERT_TRUE(run.ok()) << run.status();
    ExpectSmall(Compare(*run, *none), rounding, absl::StrCat("without ", pass.name));
  }
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
