#include "core/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/in_child.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

TEST(Path, Joins) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
}

TEST(Path, HasAParent) {
  EXPECT_EQ(ParentFolder("a/b/c"), "a/b");
  EXPECT_EQ(ParentFolder("a/b//"), "a");
  EXPECT_EQ(ParentFolder("a//b"), "a");
  EXPECT_EQ(ParentFolder("c"), ".");
  EXPECT_EQ(ParentFolder("/c"), "/");
  EXPECT_EQ(ParentFolder("/"), "/");
}

TEST(Path, ResolvesWhereBazelRunWasCalled) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(ResolvePath("a/b"), "a/b");
  setenv("BUILD_WORKING_DIRECTORY", "/home/user", 1);
  EXPECT_EQ(ResolvePath("a/b"), "/home/user/a/b");
  EXPECT_EQ(ResolvePath("/a/b"), "/a/b");
  unsetenv("BUILD_WORKING_DIRECTORY");
}

TEST(Path, HasAKind) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "");
  ASSERT_EQ(symlink("nowhere", (folder + "/dangling").c_str()), 0);
  EXPECT_EQ(*KindOfPath(folder), PathKind::kFolder);
  EXPECT_EQ(*KindOfPath(folder + "/file"), PathKind::kFile);
  EXPECT_EQ(*KindOfPath(folder + "/dangling"), PathKind::kMissing);
  EXPECT_EQ(*KindOfPath(folder + "/file/below"), PathKind::kMissing);
  EXPECT_EQ(*KindOfPath("/dev/null"), PathKind::kOther);
}

TEST(ReadFile, ReadsAllOrSaysWhy) {
  const std::string folder = ScratchFolder();
  const std::string contents = std::string("a\0b", 3) + std::string(10000, 'x');
  PutFile(folder + "/file", contents);
  EXPECT_EQ(*ReadFile(folder + "/file"), contents);
  EXPECT_EQ(*ReadFile(folder + "/file", contents.size()), contents);
  EXPECT_EQ(ReadFile(folder + "/file", contents.size() - 1).status().message(),
            absl::StrCat("cannot read '", folder, "/file': it is longer than 10002 bytes"));
  EXPECT_EQ(ReadFile(folder).status().message(), absl::StrCat("cannot read '", folder, "': it is a folder"));
  EXPECT_EQ(ReadFile(folder + "/none").status().message(),
            absl::StrCat("cannot open '", folder, "/none': No such file or directory"));
  EXPECT_EQ(ReadFile(folder + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(ReadFile(std::string("a\0b", 3)).ok());
}

TEST(ReadFile, ReadsWhatHasNoSize) {
  EXPECT_GT(ReadFile("/proc/self/status")->size(), 100u);
  EXPECT_EQ(ReadFile("/dev/zero", 100000).status().message(),
            "cannot read '/dev/zero': it is longer than 100000 bytes");
}

TEST(WriteFileAtomically, ReplacesAndLeavesNothingElse) {
  const std::string folder = ScratchFolder();
  ASSERT_TRUE(WriteFileAtomically(folder + "/file", "old, and longer").ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/file", "new").ok());
  EXPECT_EQ(GetFile(folder + "/file"), "new");
  EXPECT_EQ(*ListFolder(folder), std::vector<std::string>{"file"});
}

TEST(WriteFileAtomically, NamesThePathThatTheUserGave) {
  const std::string folder = ScratchFolder();
  const std::string path = folder + "/none/file";
  EXPECT_EQ(WriteFileAtomically(path, "").message(), absl::StrCat("cannot write '", path, "': cannot open '", folder,
                                                                  "/none/.file.tmp': No such file or directory"));
}

TEST(WriteFileAtomically, ReplacesRegularFilesOnly) {
  const std::string folder = ScratchFolder();
  EXPECT_EQ(WriteFileAtomically(folder, "").message(), absl::StrCat("cannot write '", folder, "': it is a folder"));
  EXPECT_EQ(WriteFileAtomically("/dev/null", "").message(), "cannot write '/dev/null': it is no regular file");
  EXPECT_EQ(*KindOfPath("/dev/null"), PathKind::kOther);

  PutFile(folder + "/file", "old");
  ASSERT_EQ(symlink("file", (folder + "/link").c_str()), 0);
  EXPECT_TRUE(CheckWritable(folder + "/link").ok());
  ASSERT_TRUE(WriteFileAtomically(folder + "/link", "new").ok());
  EXPECT_EQ(GetFile(folder + "/file"), "new") << "what the link leads to";
  EXPECT_EQ(*ListFolder(folder), (std::vector<std::string>{"file", "link"}));

  ASSERT_EQ(symlink("nowhere/file", (folder + "/lost").c_str()), 0);
  EXPECT_EQ(CheckWritable(folder + "/lost").message(),
            absl::StrCat("cannot write '", folder, "/lost': No such file or directory"));
}

// SIGXFSZ ends a process that does not ignore it (train/stop_signal.h does).
TEST(WriteFileAtomically, KeepsTheOldFileWhenTheDiskIsFull) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "old");
  const ChildEnd end = InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    return std::string(WriteFileAtomically(folder + "/file", std::string(5000, 'x')).message());
  });
  EXPECT_EQ(end.output, absl::StrCat("cannot write '", folder, "/file': File too large"));
  EXPECT_EQ(GetFile(folder + "/file"), "old");
  EXPECT_EQ(*ListFolder(folder), std::vector<std::string>{"file"});
}

TEST(WriteAll, SaysThatTheDiskIsFull) {
  absl::StatusOr<FileDescriptor> full = OpenFile("/dev/full", O_WRONLY);
  ASSERT_TRUE(full.ok());
  const absl::Status status = WriteAll(full->get(), "run/log", "text");
  EXPECT_EQ(status.message(), "cannot write 'run/log': No space left on device");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(MakeFolders, MakesAllOnTheWay) {
  const std::string folder = ScratchFolder();
  EXPECT_TRUE(MakeFolders(folder + "/a//b/c/").ok());
  EXPECT_TRUE(MakeFolders(folder + "/a/b/c").ok());
  EXPECT_EQ(*KindOfPath(folder + "/a/b/c"), PathKind::kFolder);
}

TEST(MakeFolders, NamesTheFileInTheWay) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "");
  const absl::Status status = MakeFolders(folder + "/file/runs/1");
  EXPECT_EQ(status.message(),
            absl::StrCat("cannot make folder '", folder, "/file/runs/1': '", folder, "/file' is not a folder"));
  EXPECT_FALSE(MakeFolders(folder + "/file").ok());
}

TEST(ListFolder, SortsOrSaysWhy) {
  const std::string folder = ScratchFolder();
  for (const char* name : {"b", ".hidden", "a"}) PutFile(folder + "/" + name, "");
  EXPECT_EQ(*ListFolder(folder), (std::vector<std::string>{".hidden", "a", "b"}));
  EXPECT_EQ(ListFolder(folder + "/none").status().message(),
            absl::StrCat("cannot list folder '", folder, "/none': No such file or directory"));
}

TEST(RemoveAll, RemovesLinksButNotWhatTheyLeadTo) {
  const std::string folder = ScratchFolder();
  ASSERT_TRUE(MakeFolders(folder + "/kept").ok());
  ASSERT_TRUE(MakeFolders(folder + "/removed/below").ok());
  PutFile(folder + "/kept/file", "text");
  PutFile(folder + "/removed/below/file", "text");
  ASSERT_EQ(symlink("../kept", (folder + "/removed/link").c_str()), 0);
  EXPECT_TRUE(RemoveAll(folder + "/removed").ok());
  EXPECT_TRUE(RemoveAll(folder + "/removed").ok());
  EXPECT_TRUE(RemoveAll(folder + "/kept/file/below").ok());
  EXPECT_TRUE(RemoveFile(folder + "/kept/file/below").ok());
  EXPECT_EQ(*ListFolder(folder), std::vector<std::string>{"kept"});
  EXPECT_EQ(GetFile(folder + "/kept/file"), "text");
}

TEST(Exchange, SwapsFoldersThatAreNotEmpty) {
  const std::string folder = ScratchFolder();
  for (const std::string name : {"a", "b"}) {
    ASSERT_TRUE(MakeFolders(folder + "/" + name).ok());
    PutFile(folder + "/" + name + "/was", name);
  }
  EXPECT_TRUE(Exchange(folder + "/a", folder + "/b").ok());
  EXPECT_EQ(GetFile(folder + "/a/was"), "b");
  EXPECT_EQ(GetFile(folder + "/b/was"), "a");
  EXPECT_EQ(*ListFolder(folder), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(Exchange(folder + "/a", folder + "/none").ok());
}

TEST(Rename, NamesBothPaths) {
  const std::string folder = ScratchFolder();
  EXPECT_EQ(Rename(folder + "/none", folder + "/b").message(),
            absl::StrCat("cannot rename '", folder, "/none' to '", folder, "/b': No such file or directory"));
}

TEST(InputFile, ReadsAnywhereButNotBehindTheEnd) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "0123456789");
  absl::StatusOr<InputFile> file = InputFile::Open(folder + "/file");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), 10);
  uint8_t bytes[4];
  ASSERT_TRUE(file->ReadAt(3, absl::MakeSpan(bytes)).ok());
  EXPECT_EQ(std::string(bytes, bytes + 4), "3456");
  EXPECT_EQ(file->ReadAt(8, absl::MakeSpan(bytes)).message(),
            absl::StrCat("'", folder, "/file' ends at byte 10 of 10"));
}

TEST(InputFile, RefusesWhatIsNoRegularFile) {
  const std::string folder = ScratchFolder();
  ASSERT_EQ(mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(InputFile::Open(folder).status().message(), absl::StrCat("cannot read '", folder, "': it is a folder"));
  EXPECT_EQ(InputFile::Open(folder + "/pipe").status().message(),
            absl::StrCat("cannot read '", folder, "/pipe': it is no regular file"));
}

TEST(AtomicFile, GoesAwayWithoutCommit) {
  const std::string folder = ScratchFolder();
  {
    absl::StatusOr<AtomicFile> file = AtomicFile::Create(folder + "/file");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append("text").ok());
  }
  EXPECT_TRUE(ListFolder(folder)->empty());
}

}  // namespace
}  // namespace gradus
