#include "train/run_folder.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/in_child.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using Names = std::vector<std::string>;

std::string MessageOf(const std::string& path, bool resume) {
  return std::string(RunFolder::Open(path, resume).status().message());
}

TEST(RunFolder, IsMadeOrTakenWhenEmpty) {
  const std::string folder = ScratchFolder();
  for (const bool resume : {false, true}) {
    EXPECT_EQ(MessageOf(folder, resume), "");
    EXPECT_EQ(MessageOf(absl::StrCat(folder, "/a/b", resume), resume), "");
  }
  EXPECT_EQ(RunFolder::Open(folder + "/a/c", false)->MetricsPath(), folder + "/a/c/metrics.jsonl");
}

TEST(RunFolder, IsNotOverwritten) {
  const std::string folder = ScratchFolder();
  for (const char* name : {"a", "b", "c", "d", "e"}) PutFile(folder + "/" + name, "");
  EXPECT_EQ(
      MessageOf(folder, false),
      absl::StrCat("the run folder '", folder, "' is not empty (it holds 'a', 'b', 'c', 'd' and 1 more): go on with ",
                   "its run by --resume, or give another folder"));
  EXPECT_EQ(*ListFolder(folder), (Names{"a", "b", "c", "d", "e"}));  // and no lock
}

TEST(RunFolder, IsOnlyResumedWhenItIsARuns) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/letter.txt", "");
  EXPECT_EQ(MessageOf(folder, true),
            absl::StrCat("nothing to resume: '", folder, "' is not the folder of a run (it holds 'letter.txt', but ",
                         "neither run.lock nor 'checkpoints')"));
  EXPECT_EQ(*ListFolder(folder), Names{"letter.txt"});
  ASSERT_TRUE(MakeFolders(folder + "/checkpoints").ok());
  EXPECT_EQ(MessageOf(folder, true), "");
}

// A run that was killed before its first checkpoint.
TEST(RunFolder, IsResumedWhenARunHasHadIt) {
  const std::string folder = ScratchFolder();
  EXPECT_EQ(MessageOf(folder, false), "");
  PutFile(folder + "/metrics.jsonl", "{\"step\":1}\n");
  EXPECT_NE(MessageOf(folder, false), "");
  EXPECT_EQ(MessageOf(folder, true), "");
}

TEST(RunFolder, CannotBeBelowAFile) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "");
  for (const bool resume : {false, true}) {
    EXPECT_EQ(MessageOf(folder + "/file/run", resume),
              absl::StrCat("cannot make folder '", folder, "/file/run': '", folder, "/file' is not a folder"));
    EXPECT_EQ(MessageOf(folder + "/file", resume),
              absl::StrCat("cannot make folder '", folder, "/file': '", folder, "/file' is not a folder"));
  }
}

TEST(RunFolder, BelongsToOneProcessUntilItEnds) {
  const std::string folder = ScratchFolder();
  {
    const auto mine = RunFolder::Open(folder, false);
    ASSERT_TRUE(mine.ok());
    const ChildEnd other = InChild([&] { return MessageOf(folder, true); });
    EXPECT_EQ(other.output,
              absl::StrCat("the run folder '", folder, "' is in use by another process (", getpid(), ")"));
  }
  const ChildEnd other = InChild([&] {
    const auto theirs = RunFolder::Open(folder, true);
    if (theirs.ok()) _exit(3);  // without giving it back
    return std::string(theirs.status().message());
  });
  EXPECT_EQ(other.exit_code, 3) << other.output;
  EXPECT_EQ(MessageOf(folder, true), "");
}

}  // namespace
}  // namespace gradus
