// A run that is killed at any moment and resumed ends with the bytes of one that was left alone.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/train_process.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// All that makes a step depend on those before it or on chance: momentum, running statistics, dropout, the order of
// examples, random crops, a schedule, early stopping. Large enough that saving takes its time.
constexpr char kModel[] = R"(name: "killed"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "conv" conv { filters: 8 kernel: 5 norm { batch {} } activation: RELU } }
layer { name: "pool" pool { kernel: 2 } }
layer { name: "drop" dropout { rate: 0.3 } }
layer { name: "fc" dense { units: 128 activation: RELU } }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)";

constexpr char kTraining[] = R"(model: "model.textproto"
train_data { synthetic_digits { examples: 150 } transform { random_crop { pad: 2 } } }
eval_data { synthetic_digits { examples: 40 split: TEST } }
batch_size: 16
eval_batch_size: 20
optimizer { sgd { momentum: 0.9 } }
schedule { cosine {} }
accumulate: 2
remainder: WRAP
evaluation { every_steps: 6 }
checkpoint { every_steps: 3 }
early_stop { patience: 1000 }
log_every_steps: 2
)";

// The same in two stages: the second takes the first one's convolution, frozen, and trains the rest anew.
constexpr char kStages[] = R"(stage { name: "first" }
stage {
  name: "second" learning_rate: 0.02
  init_from { stage: "first" match: "conv/**" }
  param_group { match: "conv/**" freeze: true }
}
)";

// The final checkpoints' files, each after its name, of a run and of its first stage if it has two.
std::string Final(const std::string& run, int steps) {
  std::string bytes;
  const std::string first = run + "/stages/first";
  if (std::filesystem::exists(first)) bytes = Final(first, steps);
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.textproto"}) {
    absl::StrAppend(&bytes, name, ":", GetFile(absl::StrCat(run, "/checkpoints/step-000000", steps, "/", name)));
  }
  return bytes;
}

// Whether the last kill left a save half done.
bool WasSaving(const std::string& run) {
  if (!std::filesystem::exists(run + "/checkpoints")) return false;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints")) {
    if (absl::StartsWith(entry.path().filename().string(), ".tmp-")) return true;
  }
  return false;
}

struct Killings {
  int kills = 0, while_saving = 0, runs = 0;
};

// Kills and resumes runs of `steps` steps (two digits) until it has killed `kills` times, and compares how each ends.
// `stages`: more of the training file.
Killings KillAndResume(int steps, int threads, int kills, const std::string& stages = "") {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/model.textproto", kModel);
  PutFile(folder + "/train.textproto", absl::StrCat(kTraining, "steps: ", steps, "\nthreads: ", threads, "\n", stages));
  const Clock::time_point start = Clock::now();
  const ProcessEnd alone = Train(folder, {"--config=train.textproto", "--run_dir=alone"});
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  const std::string expected = Final(folder + "/alone", steps);
  int64_t latest = (Clock::now() - start) / std::chrono::microseconds(1);  // strike, after the start of a process

  std::mt19937 random(11);
  Killings done;
  while (done.kills < kills && !testing::Test::HasFailure()) {
    const std::string run = absl::StrCat("run", ++done.runs);
    const std::string path = folder + "/" + run;
    for (bool ended = false; !ended;) {
      TrainProcess process(folder, {"--config=train.textproto", absl::StrCat("--run_dir=", run), "--resume"});
      const bool strike = done.kills < kills;
      if (strike) {
        // Every second time wait for a save to begin, and strike in it or soon after; else strike at any time.
        const bool at_save = done.kills % 2 == 1;
        std::this_thread::sleep_for(std::chrono::microseconds(random() % (at_save ? latest / 4 : latest)));
        while (at_save && process.Running() && !WasSaving(path)) {
        }
        if (at_save) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        process.Signal(SIGKILL);
      }
      const ProcessEnd end = process.Wait();
      ended = end.signal == 0;
      if (ended) {
        EXPECT_EQ(end.exit_code, 0) << end.err;
        if (strike) latest = std::max<int64_t>(latest / 2, 20000);  // the strike came too late
      } else {
        EXPECT_EQ(end.signal, SIGKILL) << end.err;
        ++done.kills;
        done.while_saving += WasSaving(path);
      }
    }
    EXPECT_EQ(Final(path, steps), expected) << run << ": not the bytes of a run that was left alone";
    EXPECT_GT(expected.size(), 500000u);
  }
  std::printf("%d kills in %d runs of %d steps on %d threads, %d of them while a checkpoint was being saved\n",
              done.kills, done.runs, steps, threads, done.while_saving);
  return done;
}

TEST(Kill, LeavesNoTrace) {
  const Killings done = KillAndResume(12, 1, 3);
  EXPECT_GE(done.kills, 3);
}

TEST(Kill, LeavesNoTraceInStages) {
  const Killings done = KillAndResume(12, 1, 4, kStages);
  EXPECT_GE(done.kills, 4);
}

// For the target kill_20_test.
TEST(Kill, DISABLED_LeavesNoTraceTwentyTimes) {
  const Killings one = KillAndResume(40, 1, 24);
  EXPECT_GE(one.kills, 20);
  EXPECT_GE(one.while_saving, 5);
  const Killings two = KillAndResume(40, 2, 24);
  EXPECT_GE(two.kills, 20);
}

}  // namespace
}  // namespace gradus
