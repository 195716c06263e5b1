#include "train/checkpoint.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/crc32c.h"
#include "core/file.h"
#include "gtest/gtest.h"
#include "tests/testlib/in_child.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using Names = std::vector<std::string>;

// What a run holds at `step`: every element says which step it is.
struct RunAt {
  explicit RunAt(int64_t step, int64_t size = 1000)
      : weights(TensorType{DType::kFloat32, {size}}), momentum(TensorType{DType::kFloat32, {size}}) {
    for (float& x : weights.values<float>()) x = static_cast<float>(step);
    for (float& x : momentum.values<float>()) x = static_cast<float>(-step);
    state.set_step(step);
  }

  absl::Status Save(const std::string& folder, int64_t keep = 0) const {
    return SaveCheckpoint(folder, state, {ToWrite("fc/weights", weights), ToWrite("fc/count", count)},
                          {ToWrite("fc/weights/momentum", momentum)}, keep);
  }

  Tensor weights;
  Tensor momentum;
  Tensor count = Tensor::Of<int32_t>({}, {7});
  CheckpointState state;
};

void ChangeByte(const std::string& path, int64_t offset) {
  std::string contents = GetFile(path);
  const size_t at = offset >= 0 ? offset : contents.size() + offset;
  contents[at] = static_cast<char>(contents[at] ^ 0x10);
  PutFile(path, contents);
}

// All files of a folder with their contents, by path.
std::string Fingerprint(const std::string& folder) {
  Names lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    lines.push_back(absl::StrCat(entry.path().lexically_relative(folder).string(), " ",
                                 Crc32c(GetFile(entry.path().string())), "\n"));
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(Checkpoint, ComesBack) {
  const std::string run = ScratchFolder();
  RunAt at(12);
  at.state.set_epoch(2);
  ASSERT_TRUE(at.Save(run).ok());
  EXPECT_EQ(*ListFolder(run + "/checkpoints"), Names{"step-00000012"});
  EXPECT_EQ(*ListFolder(run + "/checkpoints/step-00000012"),
            (Names{"model.safetensors", "optimizer.safetensors", "state.textproto"}));

  Names skipped;
  const auto checkpoint = OpenNewestCheckpoint(run, &skipped);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ASSERT_TRUE(checkpoint->has_value());
  EXPECT_EQ((*checkpoint)->state().epoch(), 2);
  EXPECT_EQ((*checkpoint)->state().format_version(), 1);
  const auto weights = (*checkpoint)->ReadModel("fc/weights");
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->type(), at.weights.type());
  EXPECT_EQ(std::memcmp(weights->data(), at.weights.data(), weights->bytes()), 0);
  EXPECT_EQ((*checkpoint)->ReadOptimizer("fc/weights/momentum")->values<float>()[5], -12.0f);
  EXPECT_EQ((*checkpoint)->ReadOptimizer("fc/weights").status().message(),
            absl::StrCat("'", run, "/checkpoints/step-00000012/optimizer.safetensors' has no tensor 'fc/weights'"));
  EXPECT_TRUE(skipped.empty());
}

TEST(Checkpoint, OfEqualRunsHasEqualBytes) {
  const std::string folder = ScratchFolder();
  ASSERT_TRUE(RunAt(12).Save(folder + "/a").ok());
  ASSERT_TRUE(RunAt(12).Save(folder + "/b").ok());
  EXPECT_EQ(Fingerprint(folder + "/a"), Fingerprint(folder + "/b"));
  EXPECT_FALSE(Fingerprint(folder + "/a").empty());
}

TEST(Checkpoint, ReplacesThatOfTheSameStep) {
  const std::string run = ScratchFolder();
  RunAt at(12);
  ASSERT_TRUE(at.Save(run).ok());
  at.state.set_epoch(5);
  ASSERT_TRUE(at.Save(run).ok());
  EXPECT_EQ(*ListFolder(run + "/checkpoints"), Names{"step-00000012"});
  EXPECT_EQ(Checkpoint::Open(CheckpointFolder(run, 12))->state().epoch(), 5);
}

TEST(Checkpoint, KeepsTheNewestTheBestAndTheFirst) {
  const std::string run = ScratchFolder();
  for (int64_t step = 0; step <= 50; step += 10) {
    RunAt at(step);
    if (step >= 20) at.state.mutable_best()->set_step(20);
    ASSERT_TRUE(at.Save(run, 2).ok());
  }
  EXPECT_EQ(*ListCheckpoints(run), (std::vector<int64_t>{0, 20, 40, 50}));
  EXPECT_EQ(std::filesystem::read_symlink(run + "/checkpoints/best"), "step-00000020");
  EXPECT_EQ(Checkpoint::Open(run + "/checkpoints/best")->state().step(), 20);

  RunAt better(60);
  better.state.mutable_best()->set_step(60);
  ASSERT_TRUE(better.Save(run, 1).ok());
  EXPECT_EQ(*ListCheckpoints(run), (std::vector<int64_t>{0, 60}));
  EXPECT_EQ(*ListFolder(run + "/checkpoints"), (Names{"best", "step-00000000", "step-00000060"}));
  EXPECT_EQ(std::filesystem::read_symlink(run + "/checkpoints/best"), "step-00000060");
}

TEST(Checkpoint, CountsMoreStepsThanEightDigits) {
  const std::string run = ScratchFolder();
  ASSERT_TRUE(RunAt(99999999).Save(run).ok());
  ASSERT_TRUE(RunAt(100000000).Save(run).ok());
  EXPECT_EQ(*ListCheckpoints(run), (std::vector<int64_t>{99999999, 100000000}));
}

TEST(OpenNewestCheckpoint, HasNothingToOpenInAnEmptyRun) {
  const std::string run = ScratchFolder();
  Names skipped;
  EXPECT_FALSE(OpenNewestCheckpoint(run, &skipped)->has_value());
  ASSERT_TRUE(MakeFolders(run + "/checkpoints/.tmp-step-00000001").ok());
  PutFile(run + "/checkpoints/step-1", "");
  EXPECT_FALSE(OpenNewestCheckpoint(run, &skipped)->has_value());
}

TEST(OpenNewestCheckpoint, NamesAndSkipsDamagedOnes) {
  struct Row {
    const char* file;
    int64_t change;  // offset of a changed byte; -1: the last one; or
    bool remove;
    const char* why;
  };
  const Row rows[] = {
      {"model.safetensors", -1, false, "tensor 'fc/weights' of 'FOLDER/model.safetensors' does not have its checksum"},
      {"optimizer.safetensors", -1, false,
       "tensor 'fc/weights/momentum' of 'FOLDER/optimizer.safetensors' does not have its checksum"},
      {"model.safetensors", 9, false, "model.safetensors lacks tensor 'fc/count'"},
      {"model.safetensors", 0, true, "cannot open 'FOLDER/model.safetensors': No such file or directory"},
      {"optimizer.safetensors", 0, true, "cannot open 'FOLDER/optimizer.safetensors': No such file or directory"},
      {"state.textproto", 0, true, "cannot open 'FOLDER/state.textproto': No such file or directory"},
      {"state.textproto", -3, false, "state.textproto: it should end in '# crc32c: "},
  };
  for (const Row& row : rows) {
    const std::string run = ScratchFolder();
    ASSERT_TRUE(RunAt(10).Save(run).ok());
    ASSERT_TRUE(RunAt(20).Save(run).ok());
    const std::string folder = CheckpointFolder(run, 20);
    const std::string path = folder + "/" + row.file;
    if (row.remove) {
      ASSERT_TRUE(RemoveFile(path).ok());
    } else {
      ChangeByte(path, row.change);
    }
    Names skipped;
    const auto newest = OpenNewestCheckpoint(run, &skipped);
    ASSERT_TRUE(newest.ok()) << newest.status();
    EXPECT_EQ((*newest)->state().step(), 10);
    ASSERT_EQ(skipped.size(), 1u) << row.why;
    std::string why = row.why;
    if (const size_t at = why.find("FOLDER"); at != std::string::npos) why.replace(at, 6, folder);
    EXPECT_EQ(skipped[0].substr(0, skipped[0].find("crc32c: ") + 8),
              absl::StrCat("checkpoint '", folder, "' is damaged: ", why).substr(0, skipped[0].find("crc32c: ") + 8));
  }
}

TEST(OpenNewestCheckpoint, SeesEveryChangedByteAndEveryCut) {
  const std::string run = ScratchFolder();
  const RunAt at(10, 30);
  ASSERT_TRUE(at.Save(run).ok());
  const std::string folder = CheckpointFolder(run, 10);
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.textproto"}) {
    const std::string path = folder + "/" + name;
    const std::string good = GetFile(path);
    Names skipped;
    for (size_t i = 0; i < good.size(); ++i) {
      ChangeByte(path, i);
      ASSERT_EQ(OpenNewestCheckpoint(run, &skipped).status().code(), absl::StatusCode::kDataLoss) << name << " " << i;
      PutFile(path, good.substr(0, i));
      ASSERT_EQ(OpenNewestCheckpoint(run, &skipped).status().code(), absl::StatusCode::kDataLoss) << name << " " << i;
      PutFile(path, good);
    }
  }
}

TEST(OpenNewestCheckpoint, SaysWhenAllAreDamaged) {
  const std::string run = ScratchFolder();
  for (const int64_t step : {10, 20}) {
    ASSERT_TRUE(RunAt(step).Save(run).ok());
    ASSERT_TRUE(RemoveFile(CheckpointFolder(run, step) + "/state.textproto").ok());
  }
  Names skipped;
  const absl::Status status = OpenNewestCheckpoint(run, &skipped).status();
  const std::string oldest = CheckpointFolder(run, 10);
  EXPECT_EQ(status.message(),
            absl::StrCat("all checkpoints of the run '", run, "' are damaged; checkpoint '", oldest,
                         "' is damaged: cannot open '", oldest, "/state.textproto': No such file or directory"));
  EXPECT_EQ(skipped.size(), 2u);
}

TEST(OpenNewestCheckpoint, RefusesANewerFormatByName) {
  const std::string run = ScratchFolder();
  ASSERT_TRUE(RunAt(10).Save(run).ok());
  ASSERT_TRUE(RunAt(20).Save(run).ok());
  const std::string folder = CheckpointFolder(run, 20);
  const std::string body = "format_version: 3\n";
  PutFile(folder + "/state.textproto", absl::StrFormat("%s# crc32c: %08x\n", body, Crc32c(body)));
  Names skipped;
  const absl::Status status = OpenNewestCheckpoint(run, &skipped).status();
  EXPECT_EQ(status.message(), absl::StrCat("checkpoint '", folder,
                                           "' was written by a newer version (format 3; this build reads up to 1)"));
}

TEST(RecoverNewestCheckpoint, ClearsTheWayForTheRestOfTheRun) {
  const std::string run = ScratchFolder();
  for (const int64_t step : {10, 20, 30}) {
    RunAt at(step);
    at.state.mutable_best()->set_step(step);
    ASSERT_TRUE(at.Save(run).ok());
  }
  ChangeByte(CheckpointFolder(run, 30) + "/model.safetensors", -1);
  ASSERT_TRUE(MakeFolders(run + "/checkpoints/.tmp-step-00000040").ok());
  PutFile(run + "/checkpoints/.tmp-step-00000040/model.safetensors", "half of it");

  Names skipped;
  const auto newest = RecoverNewestCheckpoint(run, &skipped);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ((*newest)->state().step(), 20);
  EXPECT_EQ(skipped.size(), 1u);
  EXPECT_EQ(*ListFolder(run + "/checkpoints"),
            (Names{"best", "damaged-step-00000030", "step-00000010", "step-00000020"}));
  EXPECT_EQ(std::filesystem::read_symlink(run + "/checkpoints/best"), "step-00000020");
}

TEST(OpenCheckpointOrRun, TakesWhatAUserMeans) {
  const std::string folder = ScratchFolder();
  const std::string run = folder + "/run";
  ASSERT_TRUE(RunAt(10).Save(run).ok());
  ASSERT_TRUE(RunAt(20).Save(run).ok());
  Names skipped;
  EXPECT_EQ(OpenCheckpointOrRun(run, &skipped)->state().step(), 20);
  EXPECT_EQ(OpenCheckpointOrRun(CheckpointFolder(run, 10), &skipped)->state().step(), 10);

  const auto message = [&](const std::string& path) {
    return std::string(OpenCheckpointOrRun(path, &skipped).status().message());
  };
  EXPECT_EQ(message(folder + "/none"), absl::StrCat("there is no checkpoint or run folder '", folder, "/none'"));
  EXPECT_EQ(message(folder), absl::StrCat("'", folder, "' is neither a checkpoint (it has no state.textproto) nor a ",
                                          "run (it has no folder checkpoints)"));
  const std::string file = CheckpointFolder(run, 10) + "/model.safetensors";
  EXPECT_EQ(message(file), absl::StrCat("'", file,
                                        "' is a file; wanted is a folder, that of a checkpoint "
                                        "(state.textproto and model.safetensors are in it) or of a run"));
  ASSERT_TRUE(MakeFolders(folder + "/young/checkpoints").ok());
  EXPECT_EQ(message(folder + "/young"), absl::StrCat("the run '", folder, "/young' has no checkpoint yet"));
  ChangeByte(CheckpointFolder(run, 10) + "/model.safetensors", -1);
  EXPECT_EQ(OpenCheckpointOrRun(CheckpointFolder(run, 10), &skipped).status().code(), absl::StatusCode::kDataLoss);
}

TEST(SaveCheckpoint, SaysThatTheFolderCannotBe) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/file", "");
  const std::string run = folder + "/file/run";
  EXPECT_EQ(RunAt(10).Save(run).message(),
            absl::StrCat("checkpoint '", run, "/checkpoints/step-00000010' was not saved: cannot make folder '", run,
                         "/checkpoints/.tmp-step-00000010': '", folder, "/file' is not a folder"));
}

TEST(SaveCheckpoint, LeavesTheLastOneAloneWhenTheDiskIsFull) {
  const std::string run = ScratchFolder();
  RunAt at(10);
  at.momentum = Tensor(TensorType{DType::kFloat32, {2000}});
  at.state.add_source_file()->set_text(std::string(10000, 'x'));  // the files grow: model, optimiser, state
  ASSERT_TRUE(at.Save(run, 1).ok());
  const std::string before = Fingerprint(run);
  at.state.set_step(20);
  const std::string folder = CheckpointFolder(run, 20);
  const std::pair<rlim_t, const char*> rows[] = {{50, "model.safetensors"},
                                                 {4000, "model.safetensors"},
                                                 {5000, "optimizer.safetensors"},
                                                 {9000, "state.textproto"}};
  for (const auto& [size, file] : rows) {
    const ChildEnd end = InChild([&, size = size] {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit = {size, size};
      setrlimit(RLIMIT_FSIZE, &limit);
      return std::string(at.Save(run, 1).message());
    });
    EXPECT_EQ(end.output, absl::StrCat("checkpoint '", folder, "' was not saved: cannot write '", run,
                                       "/checkpoints/.tmp-step-00000020/", file, "': File too large"));
    EXPECT_EQ(Fingerprint(run), before);
    EXPECT_EQ(*ListFolder(run + "/checkpoints"), Names{"step-00000010"});
  }
}

TEST(SaveCheckpoint, PassesOnWhatATensorSays) {
  const std::string run = ScratchFolder();
  const TensorToWrite bad = {"x", TensorType(), [] { return absl::InternalError("no such variable"); }};
  EXPECT_EQ(SaveCheckpoint(run, CheckpointState(), {bad}, {}, 0).message(),
            absl::StrCat("checkpoint '", CheckpointFolder(run, 0), "' was not saved: no such variable"));
  EXPECT_TRUE(ListFolder(run + "/checkpoints")->empty());
}

// Killed at any moment of a save, a replacement or a clean-up, the newest checkpoint that was ever reported saved, or a
// newer one, is there and whole; and the run can go on.
TEST(SaveCheckpoint, SurvivesKill) {
  const std::string run = ScratchFolder();
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  int64_t step = 1;
  ASSERT_TRUE(RunAt(step, 50000).Save(run, 2).ok());
  const int64_t microseconds_per_save = (Clock::now() - start) / std::chrono::microseconds(1);

  std::mt19937 random(7);
  for (int round = 0; round < 40 && Clock::now() - start < std::chrono::seconds(5); ++round) {
    int reports[2];
    ASSERT_EQ(pipe(reports), 0);
    const pid_t child = fork();
    if (child == 0) {
      for (int64_t s = step + 1;; ++s) {
        RunAt at(s, 50000);
        at.state.mutable_best()->set_step(s / 3 * 3);
        if (!at.Save(run, 2).ok() || !at.Save(run, 2).ok()) _exit(1);  // the second replaces the first
        if (write(reports[1], &s, sizeof(s)) != sizeof(s)) _exit(1);
      }
    }
    close(reports[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % (5 * microseconds_per_save)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child stopped by itself";
    int64_t reported = step;
    for (int64_t s; read(reports[0], &s, sizeof(s)) == sizeof(s);) reported = s;
    close(reports[0]);

    Names skipped;
    const auto newest = RecoverNewestCheckpoint(run, &skipped);
    ASSERT_TRUE(newest.ok()) << newest.status();
    ASSERT_TRUE(skipped.empty()) << skipped[0];
    ASSERT_TRUE(newest->has_value());
    step = (*newest)->state().step();
    ASSERT_GE(step, reported);
    ASSERT_EQ((*newest)->ReadModel("fc/weights")->values<float>()[49999], static_cast<float>(step));
    const Names names = *ListFolder(run + "/checkpoints");
    for (const std::string& name : names) ASSERT_NE(name[0], '.') << name;
  }
}

}  // namespace
}  // namespace gradus
