// What the real program says to mistakes: each ends with exit code 1 (2 for wrong flags), never with a signal, and with
// the message that stands here.
#include <signal.h>

#include <chrono>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/train_process.h"

namespace gradus {
namespace {

constexpr char kModel[] = R"(name: "tiny"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "conv1"  conv { filters: 4 kernel: 5 } }
layer { name: "pool1"  pool { kind: MAX kernel: 2 } }
layer { name: "fc1"    dense { units: 16 activation: RELU } }
layer { name: "logits" dense { units: 10 } }
loss   { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
output: "logits"
)";

constexpr char kTraining[] = R"(model: "model.textproto"
train_data { synthetic_digits { examples: 64 } }
eval_data  { synthetic_digits { examples: 16 split: TEST } }
batch_size: 16
steps: 3
threads: 1
optimizer { sgd { momentum: 0.9 } }
)";

using Words = std::vector<std::string>;
using Edits = std::vector<std::pair<std::string, std::string>>;

// A text with each of `edits` made, whose left sides it must have.
std::string Edited(std::string text, const Edits& edits) {
  for (const auto& [from, to] : edits) {
    EXPECT_TRUE(absl::StrContains(text, from)) << from;
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  return text;
}

// What a process has complained of: its lines on stderr that begin with its name, without it.
std::string Complaint(const ProcessEnd& end) {
  Words lines;
  for (absl::string_view line : absl::StrSplit(end.err, '\n')) {
    if (absl::ConsumePrefix(&line, "train: ")) lines.emplace_back(line);
  }
  return absl::StrJoin(lines, "\n");
}

class ErrorsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = ScratchFolder();
    Write({}, {});
  }

  void Write(const Edits& model, const Edits& training) {
    PutFile(folder_ + "/model.textproto", Edited(kModel, model));
    PutFile(folder_ + "/train.textproto", Edited(kTraining, training));
  }

  ProcessEnd Run(const Words& more = {}, rlim_t file_size = RLIM_INFINITY) {
    Words words = {"--config=train.textproto", "--run_dir=run"};
    words.insert(words.end(), more.begin(), more.end());
    return Train(folder_, words, file_size);
  }

  // The run fails, as it should, and says `message`.
  void Fails(const ProcessEnd& end, const std::string& message, int exit_code = 1) {
    EXPECT_EQ(end.signal, 0) << message;
    EXPECT_EQ(end.exit_code, exit_code) << end.err;
    EXPECT_EQ(Complaint(end), message);
    EXPECT_EQ(end.out, "");
  }

  std::string folder_;
};

struct Mistake {
  Edits model, training;
  Words flags;
  std::string message;
};

class MistakesTest : public ErrorsTest {
 protected:
  // Each mistake is told before the run folder is made.
  void Check(const std::vector<Mistake>& mistakes, int exit_code = 1) {
    for (const Mistake& mistake : mistakes) {
      Write(mistake.model, mistake.training);
      Fails(Run(mistake.flags), mistake.message, exit_code);
      EXPECT_FALSE(std::filesystem::exists(folder_ + "/run")) << mistake.message;
    }
  }
};

TEST_F(MistakesTest, OfTheModel) {
  Check({
      // All misspelt names of a file at once.
      {{{"filters", "filtres"}, {"kernel: 2", "kernl: 2"}, {"units: 10", "unit: 10"}}, {}, {}, "?"},
      {{{"name: \"fc1\" ", "name: \"fc1\" input: \"poool1\""}, {"target: \"label\"", "target: \"labels\""}},
       {},
       {},
       "?"},
      {{{"\"conv1\" ", "\"conv1\" input: \"fc1\""}}, {}, {}, "?"},
      {{{"\"fc1\"", "\"conv1\""}}, {}, {}, "?"},
      {{{"\nloss", "\nlayer { name: \"sum\" input: [\"fc1\", \"logits\"] binary { function: ADD } }\nloss"}},
       {},
       {},
       "?"},
      {{{"input: \"logits\" target: \"label\" softmax", "input: \"conv1\" target: \"label\" softmax"}}, {}, {}, "?"},
      {{{"kernel: 5", "kernel: 50"}}, {}, {}, "?"},
      {{{"kernel: 5", "kernel: 5 stride: -1"}}, {}, {}, "?"},
      {{{"loss   { name: \"xent\" input: \"logits\" target: \"label\" softmax_cross_entropy {} }\n", ""}}, {}, {}, "?"},
      {{{"accuracy {}", "accuracy {} only: EVALUATE"}, {"entropy {}", "entropy {} only: EVALUATE"}}, {}, {}, "?"},
      {{{"output: \"logits\"", "output: \"logit\""}}, {}, {}, "?"},
      {{{" dtype: INT32", ""}}, {}, {}, "?"},
      {{{"[1, 28, 28]", "[3, 32, 32]"}}, {}, {}, "?"},
      {{{"units: 16", "units: sixteen"}, {"MAX", "MAXX"}}, {}, {}, "?"},
      {{{"kernel: 5 } }", "kernel: 5 }"}}, {}, {}, "?"},
      {{{"units: 16", "units: 100000000"}}, {{"threads", "memory_budget: 1000000\nthreads"}}, {}, "?"},
      {{{kModel, ""}}, {}, {}, "?"},
      {{{kModel, kTraining}}, {}, {}, "?"},
  });
}

TEST_F(MistakesTest, OfTheTrainingFile) {
  Check({
      {{}, {{"batch_size", "batchsize"}, {"momentum", "momentun"}, {"split", "spilt"}}, {}, "?"},
      {{}, {{"\"model.textproto\"", "\"modell.textproto\""}, {"steps: 3", "steps: 0"}}, {}, "?"},
      {{}, {{"\"model.textproto\"", "\".\""}}, {}, "?"},
      {{}, {{"model: \"model.textproto\"", ""}, {"train_data", "eval_batch_size: 3 #"}}, {}, "?"},
      {{}, {{"steps: 3", "steps: 3 epochs: 2"}}, {}, "?"},
      {{}, {{"batch_size: 16", "batch_size: 1000"}}, {}, "?"},
      {{}, {{"batch_size: 16", "accumulate: 9 batch_size: 16"}, {"steps: 3", "epochs: 2"}}, {}, "?"},
      {{}, {{"sgd { momentum: 0.9 }", "[acme.lion] {}"}}, {}, "?"},
      {{}, {{"sgd {", "sdg {"}}, {}, "?"},
      {{}, {{"steps", "learning_rate: -0.1 steps"}}, {}, "?"},
      {{}, {{"eval_data ", "evaluation { every_steps: 2 } #"}}, {}, "?"},
      {{}, {{"steps", "checkpoint { best_metric: \"top2\" } steps"}}, {}, "?"},
      {{}, {{"steps", "schedule { multistep { at: [5, 3] } } steps"}}, {}, "?"},
      {{}, {{"steps", "param_group { match: \"**/bais\" weight_decay: 0 } steps"}}, {}, "?"},
      {{}, {{"steps", "param_group { match: \"**\" freeze: true } steps"}}, {}, "?"},
      {{}, {{"steps", "feed { input: \"lable\" column: \"label\" } steps"}}, {}, "?"},
      {{}, {{"steps", "init_from { checkpoint: \"runs/first\" } steps"}}, {}, "?"},
      {{}, {{"examples: 64 }", "examples: 64 } take: 65"}}, {}, "?"},
      {{}, {{"examples: 64 }", "examples: 64 } transform { column: \"imge\" normalize {} }"}}, {}, "?"},
      {{}, {{"synthetic_digits { examples: 64 }", "idx { path: \"mnist\" }"}}, {}, "?"},
      {{}, {{"model:", "language_version: 2 model:"}}, {}, "?"},
  });
}

TEST_F(MistakesTest, OfTheValuesOfFlags) {
  Check({
      {{}, {}, {"--set=learning_rate=nan", "--set=clip_norm=-1"}, "?"},
      {{}, {}, {"--set=learing_rate=0.1", "--set=optimizer.sgd.momentun=0.1", "--set=steps"}, "?"},
      {{}, {}, {"--config=trian.textproto"}, "?"},
      {{}, {}, {"--config=."}, "?"},
      {{}, {}, {"--config=model.textproto"}, "?"},
  });
}

TEST_F(MistakesTest, OfTheFlags) {
  Check(
      {
          {{}, {}, {"--btach=3"}, "?"},
          {{}, {}, {"--threads=two"}, "?"},
          {{}, {}, {"--threads=-1"}, "?"},
          {{}, {}, {"--resume", "--run_dir="}, "?"},
          {{}, {}, {"train.textproto"}, "?"},
          {{}, {}, {"--run_dir"}, "?"},
      },
      2);
}

// Four bytes, the first one first.
std::string BigEndian(uint32_t word) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(word >> shift));
  return bytes;
}

TEST_F(ErrorsTest, Data) {
  Write({}, {{"synthetic_digits { examples: 64 }", "idx {}"}, {"eval_data", "#"}});
  std::filesystem::create_directory(folder_ + "/mnist");
  const auto write = [this](uint32_t claimed, size_t images, const std::string& labels) {
    PutFile(folder_ + "/mnist/train-images-idx3-ubyte",
            absl::StrCat(BigEndian(0x803), BigEndian(claimed), BigEndian(28), BigEndian(28),
                         std::string(images * 784, '\x40')));
    PutFile(folder_ + "/mnist/train-labels-idx1-ubyte",
            absl::StrCat(BigEndian(0x801), BigEndian(static_cast<uint32_t>(labels.size())), labels));
  };
  const std::string labels(32, '\1');
  write(32, 32, labels);
  EXPECT_EQ(Run({"--data_dir=mnist", "--run_dir=good"}).exit_code, 0);

  Fails(Run({"--data_dir=mnits"}), "?");
  Fails(Run({"--data_dir=mnist/train-images-idx3-ubyte"}), "?");
  write(32, 31, labels);
  Fails(Run({"--data_dir=mnist"}), "?");
  write(uint32_t{1} << 31, 32, labels);
  Fails(Run({"--data_dir=mnist"}), "?");
  write(32, 32, labels.substr(1));
  Fails(Run({"--data_dir=mnist"}), "?");
  PutFile(folder_ + "/mnist/train-labels-idx1-ubyte", "");
  Fails(Run({"--data_dir=mnist"}), "?");
  std::string wrong = labels;
  wrong[17] = 10;
  write(32, 32, wrong);
  Fails(Run({"--data_dir=mnist", "--set=train_data.shuffle=false"}), "?");
  // It took a step, but has no checkpoint: it starts afresh.
  write(32, 32, labels);
  EXPECT_EQ(Run({"--data_dir=mnist", "--resume"}).exit_code, 0);
}

TEST_F(ErrorsTest, HostileText) {
  struct Row {
    std::string text, message;
  };
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "schedule { ";
  const std::string line(16 << 20, 'x');
  const Row rows[] = {
      {deep, "?"},
      {absl::StrCat("model: \"", line, "\""), "?"},
      {absl::StrCat("model: \"model.textproto\" ", line, ": 3"), "?"},
      {std::string("model: \"m\"\0\1", 12), "?"},
  };
  for (const Row& row : rows) {
    PutFile(folder_ + "/train.textproto", row.text);
    Fails(Run(), row.message);
  }
  std::string layers;
  for (int i = 0; i < 100000; ++i) layers += "layer { conv { norm { batch { ";
  PutFile(folder_ + "/train.textproto", kTraining);
  PutFile(folder_ + "/model.textproto", layers);
  Fails(Run(), "?");
}

TEST_F(ErrorsTest, DiskFull) {
  Fails(Run({}, 20000), "?");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/run/checkpoints"));
  EXPECT_EQ(Run({"--resume"}).exit_code, 0);
  Fails(Run({"--run_dir=other"}, 0), "?");

  TrainProcess full(folder_, {"--config=train.textproto", "--run_dir=third"}, RLIM_INFINITY, "/dev/full");
  const ProcessEnd end = full.Wait();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(Complaint(end), "?");
}

TEST_F(ErrorsTest, RunFolder) {
  PutFile(folder_ + "/file", "");
  Fails(Run({"--run_dir=file/run"}), "?");
  Fails(Run({"--run_dir=file"}), "?");
  ASSERT_EQ(Run().exit_code, 0);
  Fails(Run(), "?");
  Fails(Run({"--run_dir=.", "--resume"}), "?");
  Fails(Run({"--run_dir=/proc/run"}), "?");
}

TEST_F(ErrorsTest, TwoProcessesOnOneRunFolder) {
  TrainProcess first(folder_, {"--config=train.textproto", "--run_dir=run", "--set=steps=1000000000",
                               "--set=checkpoint.at_start=true"});
  ASSERT_TRUE(first.WaitFor("run/checkpoints/step-00000000/state.textproto"));
  std::filesystem::rename(folder_ + ".err", folder_ + ".err1");
  Fails(Run({"--resume"}), absl::StrCat("the run folder 'run' is in use by another process (", first.pid(), ")"));

  // Meanwhile somebody tidies up.
  std::filesystem::remove_all(folder_ + "/run/checkpoints");
  first.Signal(SIGTERM);
  const ProcessEnd end = first.Wait();
  EXPECT_EQ(end.exit_code, 143);
  const std::string said = GetFile(folder_ + ".err1");
  EXPECT_TRUE(absl::StrContains(said, "stopped by a signal after step ")) << said;
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/run/checkpoints")) << said;
}

TEST_F(ErrorsTest, Resuming) {
  ASSERT_EQ(Run({"--set=checkpoint.every_steps=1", "--set=checkpoint.keep=9"}).exit_code, 0);
  const auto remove = [this](const std::string& path) { std::filesystem::remove_all(folder_ + "/" + path); };

  // Another model, whose kernels are others too.
  Write({{"conv { filters: 4 kernel: 5 }", "pool { kernel: 5 stride: 1 }"}}, {});
  Fails(Run({"--resume"}), "?");
  Write({}, {});
  Fails(Run({"--resume", "--set=seed=7"}), "?");
  Fails(Run({"--resume", "--set=optimizer={adam {}}"}), "?");

  // Changes are mentioned.
  ProcessEnd end = Run({"--resume", "--set=steps=4", "--set=learning_rate=0.5", "--set=threads=2"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_TRUE(absl::StrContains(end.err, "?")) << end.err;

  // A damaged checkpoint is skipped; when all are, there is nothing to go on from.
  const auto damage = [this](int step) {
    const std::string file = absl::StrCat(folder_, "/run/checkpoints/step-0000000", step, "/model.safetensors");
    PutFile(file, GetFile(file).substr(0, 1000));
  };
  damage(4);
  end = Run({"--resume"});
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(end.err, "?")) << end.err;
  for (const char* step : {"1", "2", "4"}) remove(absl::StrCat("run/checkpoints/step-0000000", step));
  damage(3);
  Fails(Run({"--resume"}), "?");
}

TEST_F(ErrorsTest, NumbersThatAreNotFinite) {
  Write({}, {{"steps", "learning_rate: 1e30 checkpoint { every_steps: 1 } steps"}});
  Fails(Run(), "?");
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/run/checkpoints/step-00000001/state.textproto"));
}

}  // namespace
}  // namespace gradus
