#include "graph/tuning_cache.h"

#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using Warnings = std::vector<std::string>;

TEST(TuningCache, KeepsTimesForTheSameMachineOnly) {
  const std::string path = ScratchFolder() + "/times.json";
  TuningCache cache(2, path);
  EXPECT_EQ(cache.TakeWarnings(), Warnings());
  cache.Add("a", {1.5, false});
  cache.Add("b \"quoted\"", {20, true});
  EXPECT_EQ(cache.measured(), 2u);
  cache.Save();

  TuningCache same(2, path);
  ASSERT_TRUE(same.Find("a").has_value());
  EXPECT_EQ(same.Find("a")->milliseconds, 1.5);
  EXPECT_FALSE(same.Find("a")->at_least);
  EXPECT_TRUE(same.Find("b \"quoted\"")->at_least);
  EXPECT_FALSE(same.Find("c").has_value());
  EXPECT_EQ(same.measured(), 0u);

  TuningCache other(3, path);
  EXPECT_EQ(other.size(), 0u);
  other.Add("a", {7, false});
  other.Save();
  EXPECT_EQ(TuningCache(2, path).Find("a")->milliseconds, 1.5);
  EXPECT_EQ(TuningCache(3, path).Find("a")->milliseconds, 7);
}

TEST(TuningCache, WithoutAFileNothingIsWritten) {
  TuningCache cache(1);
  cache.Add("a", {1, false});
  cache.Save();
  EXPECT_EQ(cache.Find("a")->milliseconds, 1);
}

// Eight processes at once: the file is whole at every moment, and who saves last has seen what was there before.
TEST(TuningCache, SeveralWriters) {
  const std::string path = ScratchFolder() + "/times.json";
  std::vector<pid_t> children;
  for (int child = 0; child < 8; ++child) {
    const pid_t pid = fork();
    if (pid == 0) {
      for (int i = 0; i < 10; ++i) {
        TuningCache cache(1, path);
        if (!cache.TakeWarnings().empty()) _exit(1);
        cache.Add(absl::StrCat("kernel ", child, " ", i), {1, false});
        cache.Save();
        if (!cache.TakeWarnings().empty()) _exit(2);
      }
      _exit(0);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  TuningCache after(1, path);
  EXPECT_EQ(after.TakeWarnings(), Warnings());
  EXPECT_GE(after.size(), 10u);
  const nlohmann::json json = nlohmann::json::parse(GetFile(path), nullptr, false);
  EXPECT_TRUE(json.is_object());
}

// Files that are none of ours stay as they are, with a word about them.
TEST(TuningCache, ForeignAndDamagedFiles) {
  const std::string folder = ScratchFolder();
  const std::string path = folder + "/times.json";
  TuningCache good(1, path);
  good.Add("a", {1, false});
  good.Save();
  const std::string whole = GetFile(path);
  const std::string kLeft = "; it is left as it is, and kernels are timed afresh";
  const struct {
    std::string contents, warning;
  } cases[] = {
      {"", "is no tuning cache, or a damaged one"},
      {"name: \"lenet\"\n", "is no tuning cache, or a damaged one"},
      {whole.substr(0, whole.size() / 2), "is no tuning cache, or a damaged one"},
      {"[1, 2]", "is no tuning cache, or a damaged one"},
      {"{\"a\": 1}", "is no tuning cache, or a damaged one"},
      {std::string("\0\xff\xfe", 3), "is no tuning cache, or a damaged one"},
      {std::string(100000, '['), "is no tuning cache, or a damaged one"},
      {absl::StrReplaceAll(whole, {{"\"version\": 1", "\"version\": 9"}}),
       "is a tuning cache of another version than 1"},
      {"{\"format\": \"gradus tuning cache\", \"version\": 1, \"machines\": 3}",
       "is a tuning cache of another version than 1"},
  };
  for (const auto& c : cases) {
    PutFile(path, c.contents);
    TuningCache cache(1, path);
    EXPECT_EQ(cache.TakeWarnings(), Warnings{absl::StrCat("tuning cache: '", path, "' ", c.warning, kLeft)});
    EXPECT_EQ(cache.size(), 0u);
    cache.Add("b", {2, false});
    cache.Save();
    EXPECT_EQ(cache.TakeWarnings(), Warnings());
    EXPECT_EQ(GetFile(path), c.contents);
  }

  // What lies deeper than any entry is ignored, and takes no stack.
  PutFile(path, absl::StrCat("{\"format\":\"gradus tuning cache\",\"version\":1,\"machines\":{\"other\":",
                             std::string(200000, '['), std::string(200000, ']'), "}}"));
  TuningCache deep(1, path);
  EXPECT_EQ(deep.TakeWarnings(), Warnings());
  deep.Add("a", {1, false});
  deep.Save();
  EXPECT_EQ(deep.TakeWarnings(), Warnings());

  PutFile(path, absl::StrReplaceAll(whole, {{"\"a\": 1.0", "\"a\": -1.0, \"b\": \"x\", \"c\": 2.0"}}));
  TuningCache odd(1, path);
  EXPECT_EQ(odd.TakeWarnings(),
            Warnings{absl::StrCat("tuning cache: '", path, "' has 2 entries that are no times and were ignored")});
  EXPECT_EQ(odd.size(), 1u);
  EXPECT_EQ(odd.Find("c")->milliseconds, 2);
}

TEST(TuningCache, AFileThatCannotBeWritten) {
  const std::string folder = ScratchFolder();
  TuningCache in_none(1, folder + "/none/times.json");
  in_none.Add("a", {1, false});
  in_none.Save();
  const Warnings warnings = in_none.TakeWarnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("No such file or directory"), std::string::npos) << warnings[0];
  EXPECT_NE(warnings[0].find("; what was measured is not kept"), std::string::npos) << warnings[0];

  TuningCache a_folder(1, folder);
  ASSERT_EQ(a_folder.TakeWarnings().size(), 1u);
  a_folder.Add("a", {1, false});
  a_folder.Save();
}

}  // namespace
}  // namespace gradus
