// Every pass leaves the results of every model of examples/ as they are: each trains and infers with all passes, with
// none, and without each of those that find something in it. A model without a loss infers only. Images are made
// smaller where the model allows it. Takes minutes, of which the smallest model of each folder (the suite Smallest)
// needs seconds; prints the differences.
//
// They are measured by what one rounding of float32 does to the model: by how much its results change when it trains on
// images of which each number is the next one. Passes round in every layer, and not in the first one alone: they may
// change results by ten times as much, or by 1e-6 of what is compared, if that is more.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/passes.h"
#include "gtest/gtest.h"
#include "tests/examples/model_files.h"
#include "tests/testlib/pass_comparison.h"

namespace gradus {
namespace {

// Still 3 by 3 positions in the last stage, so that batch norm has something to do there.
absl::StatusOr<LoadedModel> LoadSmaller(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return LoadModelText(absl::StrReplaceAll(*text, {{"[3, 224, 224]", "[3, 96, 96]"}, {"[3, 227, 227]", "[3, 99, 99]"}}),
                       path);
}

int64_t Parameters(const std::string& path) {
  const absl::StatusOr<LoadedModel> model = LoadSmaller(path);
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return 0;
  LowerOptions options;
  options.input_dims = ExampleInputDims(*model);
  const absl::StatusOr<Network> network = Lower(model->model, options);
  EXPECT_TRUE(network.ok()) << network.status();
  if (!network.ok()) return 0;
  int64_t parameters = 0;
  for (const Variable& variable : network->graph.variables()) {
    if (variable.role == Role::kParameter) parameters += variable.type.shape.num_elements();
  }
  return parameters;
}

// By folder; the model with the fewest parameters comes first.
const std::map<std::string, std::vector<std::string>>& ModelFiles() {
  static const auto* const kFiles = [] {
    auto* const folders = new std::map<std::string, std::vector<std::string>>();
    for (const auto& [folder, paths] : ExampleModels()) {
      std::vector<std::pair<int64_t, std::string>> models;
      for (const std::string& path : paths) models.emplace_back(Parameters(path), path);
      std::sort(models.begin(), models.end());
      for (const auto& [parameters, path] : models) (*folders)[folder].push_back(path);
    }
    return folders;
  }();
  return *kFiles;
}

std::vector<std::string> SmallestOfEachFolder() {
  std::vector<std::string> paths;
  for (const auto& [folder, files] : ModelFiles()) paths.push_back(files.front());
  return paths;
}

std::vector<std::string> AllOthers() {
  std::vector<std::string> paths;
  for (const auto& [folder, files] : ModelFiles()) paths.insert(paths.end(), files.begin() + 1, files.end());
  return paths;
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
  setting.classes = 2;  // every model has two
  setting.input_dims = ExampleInputDims(*model);
  const absl::StatusOr<PassRun> none = RunWithout({"all"}, *model, setting);
  ASSERT_TRUE(none.ok()) << none.status();
  if (!none->losses.empty()) {
    EXPECT_NE(none->losses.front(), none->losses.back());
  }
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

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  absl::string_view name = info.param;
  absl::ConsumePrefix(&name, "examples/");
  absl::ConsumeSuffix(&name, ".textproto");
  return absl::StrReplaceAll(name, {{"/", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Smallest, ModelPassesTest, testing::ValuesIn(SmallestOfEachFolder()), TestName);
INSTANTIATE_TEST_SUITE_P(Others, ModelPassesTest, testing::ValuesIn(AllOthers()), TestName);

TEST(ModelPassesFilesTest, ThereAreModels) {
  EXPECT_GE(SmallestOfEachFolder().size(), 17u);
  EXPECT_GE(AllOthers().size(), 35u);
}

}  // namespace
}  // namespace gradus
