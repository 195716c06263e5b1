// What `benchmark --json` says: numbers that scripts read by these names.
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

const char* const kAlways[] = {"model",
                               "mode",
                               "batch",
                               "ms_per_step",
                               "examples_per_second",
                               "ready_ms",
                               "arena_bytes",
                               "planned_bytes",
                               "peak_rss_bytes",
                               "rss_before_compile_bytes",
                               "steps_run_again",
                               "predicted_price",
                               "reorders",
                               "weight_reorders"};
const char* const kWithLimit[] = {"limit_ms", "step_per_limit", "steps_ms"};

std::string SmallModel() {
  const std::string path = ScratchFolder() + "/model.textproto";
  PutFile(path, R"(name: "small"
input { name: "image" dims: [3, 8, 8] }
input { name: "label" dtype: INT32 }
layer { name: "conv" conv { filters: 8 kernel: 3 activation: RELU } }
layer { name: "logits" dense { units: 4 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
output: "logits"
)");
  return path;
}

// The one line that it prints, and nothing else.
nlohmann::ordered_json Benchmark(std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--batch=4", "--seconds=0", "--threads=1", "--json"});
  const ProgramEnd end = RunExample("benchmark", flags);
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.err, "");
  EXPECT_EQ(end.out, LastLine(end.out) + "\n");
  return nlohmann::ordered_json::parse(end.out, nullptr, false);
}

std::vector<std::string> Keys(const nlohmann::ordered_json& json) {
  std::vector<std::string> keys;
  for (const auto& item : json.items()) keys.push_back(item.key());
  return keys;
}

class BenchmarkTest : public testing::TestWithParam<const char*> {};

TEST_P(BenchmarkTest, JsonHasAKeyForEachNumber) {
  const std::string model = absl::StrCat("--model=", SmallModel()), mode = absl::StrCat("--mode=", GetParam());
  for (bool limit : {false, true}) {
    SCOPED_TRACE(limit ? "with the limit" : "without the limit");
    const nlohmann::ordered_json json = Benchmark({model, mode, absl::StrCat("--limit=", limit ? "true" : "false")});
    std::vector<std::string> keys(std::begin(kAlways), std::end(kAlways));
    if (limit) keys.insert(keys.end(), std::begin(kWithLimit), std::end(kWithLimit));
    ASSERT_THAT(Keys(json), ElementsAreArray(keys));

    EXPECT_EQ(json["model"], "small");
    EXPECT_EQ(json["mode"], GetParam());
    EXPECT_EQ(json["batch"], 4);
    const double ms = json["ms_per_step"];
    EXPECT_GT(ms, 0);
    EXPECT_NEAR(json["examples_per_second"].get<double>(), 4 / ms * 1e3, 1e-6 * 4 / ms * 1e3);
    EXPECT_GT(json["ready_ms"].get<double>(), 0);
    EXPECT_GT(json["arena_bytes"].get<int64_t>(), 0);
    EXPECT_GE(json["planned_bytes"].get<int64_t>(), json["arena_bytes"].get<int64_t>());
    EXPECT_GT(json["peak_rss_bytes"].get<int64_t>(), 0);
    EXPECT_GT(json["rss_before_compile_bytes"].get<int64_t>(), 0);
    // So small a plan computes nothing again.
    EXPECT_EQ(json["steps_run_again"], 0);
    EXPECT_EQ(json["predicted_price"], 0);
    EXPECT_TRUE(json["reorders"].is_number_integer());
    EXPECT_TRUE(json["weight_reorders"].is_number_integer());
    if (!limit) continue;
    EXPECT_GT(json["limit_ms"].get<double>(), 0);
    EXPECT_GT(json["steps_ms"].get<double>(), 0);
    // A median of quotients, not the quotient of the medians.
    EXPECT_GT(json["step_per_limit"].get<double>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, BenchmarkTest, testing::Values("train", "infer"),
                         [](const auto& info) { return std::string(info.param); });

TEST(BenchmarkFlagsTest, Mistakes) {
  EXPECT_EQ(RunExample("benchmark", {}).err, "benchmark: --model is missing\nbenchmark: see --help\n");
  const std::string model = absl::StrCat("--model=", SmallModel());
  for (const auto& [flag, message] : std::vector<std::pair<std::string, std::string>>{
           {"--mode=evaluate", "--mode is 'evaluate'; it must be train or infer"},
           {"--seconds=-1", "--seconds is -1; it must be between 0 and "},
           {"--batch=0", "--batch"},
           {"--memory_budget=1", "memory_budget"}}) {
    const ProgramEnd end = RunExample("benchmark", {model, flag, "--json"});
    EXPECT_NE(end.exit_code, 0) << flag;
    EXPECT_EQ(end.out, "") << flag;
    EXPECT_THAT(end.err, HasSubstr(message));
  }
}

}  // namespace
}  // namespace gradus
