// What can go wrong while the real program runs: damaged data, full disks, folders of others, checkpoints that do not
// fit. Each ends with exit code 1, never with a signal, and with the message that stands here.
#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/program_test.h"

namespace gradus {
namespace {

using RunErrorsTest = ProgramTest;

// Four bytes, the first one first.
std::string BigEndian(uint32_t word) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(word >> shift));
  return bytes;
}

TEST_F(RunErrorsTest, Data) {
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

  Fails(Run({"--data_dir=mnits"}),
        "train.textproto:2:1: train_data: mnits: no such folder; put MNIST's four files there or name yours (idx { "
        "path: images: labels: }), or use synthetic_digits {}, which needs no files; paths start from --data_dir, "
        "which is 'mnits'");
  Fails(Run({"--data_dir=mnist/train-images-idx3-ubyte"}),
        "train.textproto:2:1: train_data: mnist/train-images-idx3-ubyte: no such folder; put MNIST's four files there "
        "or name yours (idx { path: images: labels: }), or use synthetic_digits {}, which needs no files; paths start "
        "from --data_dir, which is 'mnist/train-images-idx3-ubyte'");
  write(32, 31, labels);
  Fails(Run({"--data_dir=mnist"}),
        "train.textproto:2:1: train_data: mnist/train-images-idx3-ubyte: the header claims [32, 28, 28], 25104 bytes "
        "with the header, but the file has 24320; it is cut off, download it again");
  write(uint32_t{1} << 31, 32, labels);
  Fails(Run({"--data_dir=mnist"}),
        "train.textproto:2:1: train_data: mnist/train-images-idx3-ubyte: the header claims [2147483648, 28, 28], "
        "1683627180048 bytes with the header, but the file has 25104; it is cut off, download it again");
  write(32, 32, labels.substr(1));
  Fails(Run({"--data_dir=mnist"}),
        "train.textproto:2:1: train_data: mnist/train-images-idx3-ubyte has 32 images, but "
        "mnist/train-labels-idx1-ubyte has 31 labels; do both belong to the same data set?");
  PutFile(folder_ + "/mnist/train-labels-idx1-ubyte", "");
  Fails(Run({"--data_dir=mnist"}),
        "train.textproto:2:1: train_data: mnist/train-labels-idx1-ubyte: 0 bytes, but an IDX header of rank 1 has 8; "
        "the file is cut off, download it again");
  std::string wrong = labels;
  wrong[17] = 10;
  write(32, 32, wrong);
  Fails(Run({"--data_dir=mnist", "--set=train_data.shuffle=false"}),
        "model.textproto:8:1: SoftmaxCrossEntropy 'xent': label 10 of example 1 of the batch is outside [0, 10); it is "
        "example 17 of train_data (train.textproto:2:1)");
  // It took a step, but has no checkpoint: it starts afresh.
  write(32, 32, labels);
  EXPECT_EQ(Run({"--data_dir=mnist", "--resume"}).exit_code, 0);
}

TEST_F(RunErrorsTest, HostileText) {
  struct Row {
    std::string text, message;
  };
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "schedule { ";
  const std::string line(16 << 20, 'x');
  const Row rows[] = {
      {deep, "train.textproto:1:1110: messages are nested more than 100 deep"},
      {absl::StrCat("model: \"", line, "\""),
       "train.textproto: train_data is missing: say where training examples come from\n"
       "train.textproto:1:1: model is a name of 16777216 bytes; no path is that long"},
      {absl::StrCat("model: \"model.textproto\" ", line, ": 3"),
       "train.textproto:1:26: message 'Training' has no field "
       "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"},
      {std::string("model: \"m\"\0\1", 12), "train.textproto:1:11: this is not a text file: it holds the byte 0x00"},
  };
  for (const Row& row : rows) {
    PutFile(folder_ + "/train.textproto", row.text);
    Fails(Run(), row.message);
  }
  std::string layers;
  for (int i = 0; i < 100000; ++i) layers += "layer { conv { norm { batch { ";
  PutFile(folder_ + "/train.textproto", kProgramTraining);
  PutFile(folder_ + "/model.textproto", layers);
  Fails(Run(), "model.textproto:1:757: messages are nested more than 100 deep");
}

TEST_F(RunErrorsTest, DiskFull) {
  Fails(Run({}, 20000),
        "checkpoint 'run/checkpoints/step-00000003' was not saved: cannot write "
        "'run/checkpoints/.tmp-step-00000003/model.safetensors': File too large");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/run/checkpoints"));
  EXPECT_EQ(Run({"--resume"}).exit_code, 0);
  // Not even stderr, a file too, takes a word.
  EXPECT_EQ(Run({"--run_dir=other"}, 0).exit_code, 1);

  TrainProcess full(folder_, {"--config=train.textproto", "--run_dir=third"}, RLIM_INFINITY, "/dev/full");
  const ProcessEnd end = full.Wait();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(Complaint(end), "cannot write to the standard output");
}

TEST_F(RunErrorsTest, RunFolder) {
  PutFile(folder_ + "/file", "");
  Fails(Run({"--run_dir=file/run"}), "cannot make folder 'file/run': 'file' is not a folder");
  Fails(Run({"--run_dir=file"}), "cannot make folder 'file': 'file' is not a folder");
  ASSERT_EQ(Run().exit_code, 0);
  Fails(Run(),
        "the run folder 'run' is not empty (it holds 'checkpoints', 'kernels.textproto', 'metrics.jsonl'): go on with "
        "its run by --resume, "
        "or give another folder");
  Fails(Run({"--run_dir=.", "--resume"}),
        "nothing to resume: '.' is not the folder of a run (it holds 'file', 'model.textproto', 'run', "
        "'train.textproto', but neither run.lock nor 'checkpoints')");
  Fails(Run({"--run_dir=/proc/run"}), "cannot make folder '/proc/run': No such file or directory");
}

TEST_F(RunErrorsTest, NoneInWhatWasNotAskedFor) {
  const ProcessEnd dry = Run({"--dry_run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_TRUE(absl::StrContains(dry.out, "conv1"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/run"));

  // Without --run_dir each run has a fresh folder, and the model's name stays a name.
  Write({{"\"tiny\"", "\"../my tiny\""}}, {});
  for (const char* name : {"runs/___my_tiny-1", "runs/___my_tiny-2"}) {
    EXPECT_EQ(Run({"--run_dir="}).exit_code, 0);
    EXPECT_TRUE(std::filesystem::exists(absl::StrCat(folder_, "/", name, "/metrics.jsonl"))) << name;
  }
}

TEST_F(RunErrorsTest, TwoProcessesOnOneRunFolder) {
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

TEST_F(RunErrorsTest, Resuming) {
  ASSERT_EQ(Run({"--set=checkpoint.every_steps=1", "--set=checkpoint.keep=9"}).exit_code, 0);
  const auto remove = [this](const std::string& path) { std::filesystem::remove_all(folder_ + "/" + path); };

  // Another model, whose kernels are others too.
  Write({{"conv { filters: 4 kernel: 5 }", "pool { kernel: 5 stride: 1 }"}}, {});
  Fails(Run({"--resume"}),
        "model.textproto: the run in 'run' cannot go on with this model: "
        "'run/checkpoints/step-00000003/model.safetensors' is of another model; not in the model: 'conv1/bias' f32[4], "
        "'conv1/weights' f32[4, 1, 5, 5]; 'fc1/weights' is f32[16, 576] in the file, f32[16, 144] in the model; its "
        "own model is in its state.textproto, or use another run folder");
  Write({}, {});
  Fails(Run({"--resume", "--set=seed=7"}),
        "--set=seed=7: seed is 7, but the run in 'run' has seed 1; go on with that one (--set=seed=1), or use another "
        "run folder");
  Fails(Run({"--resume", "--set=optimizer={adam {}}"}),
        "--set=optimizer={adam {}}: optimizer is { adam { } }, but the run in 'run' has { sgd { momentum: 0.9 } }, "
        "whose state is of no use to it; go on with that one, or start another run from these weights by `init_from { "
        "checkpoint: \"run\" }`");

  // Changes are mentioned.
  ProcessEnd end = Run({"--resume", "--set=steps=4", "--set=learning_rate=0.5", "--set=threads=2"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_TRUE(absl::StrContains(end.err,
                                "note: learning_rate was 0.01 in the run so far, now it is 0.5\n"
                                "note: threads was 1 in the run so far, now it is 2; results will differ in the last "
                                "digits\n"
                                "resumed at step 3 from run/checkpoints/step-00000003\n"))
      << end.err;

  // Also where the model still takes the run's weights.
  Write({{"conv { filters: 4 kernel: 5", "conv { filters: 4 kernel: 5 activation: TANH"}}, {});
  end = Run({"--resume", "--set=steps=5", "--set=checkpoint.keep=9"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  EXPECT_TRUE(absl::StrContains(end.err, "note: the model is another than in the run so far: ")) << end.err;
  EXPECT_TRUE(absl::StrContains(end.err, "conv.activation: ")) << end.err;
  std::filesystem::remove_all(folder_ + "/run/checkpoints/step-00000005");
  Write({}, {});

  // A damaged checkpoint is skipped; when all are, there is nothing to go on from.
  const auto damage = [this](int step) {
    const std::string file = absl::StrCat(folder_, "/run/checkpoints/step-0000000", step, "/model.safetensors");
    PutFile(file, GetFile(file).substr(0, 1000));
  };
  damage(4);
  end = Run({"--resume"});
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(end.err,
                                "skipped: checkpoint 'run/checkpoints/step-00000004' is damaged: "
                                "'run/checkpoints/step-00000004/model.safetensors': tensor 'fc1/weights': data_offsets "
                                "[480, 37344] do not lie in the 560 bytes of data\n"
                                "resumed at step 3 from run/checkpoints/step-00000003, where the run has ended: "
                                "nothing is left to do\n"))
      << end.err;
  for (const char* step : {"1", "2", "4"}) remove(absl::StrCat("run/checkpoints/step-0000000", step));
  damage(3);
  Fails(Run({"--resume"}),
        "all checkpoints of the run 'run' are damaged (see above); start afresh in another run folder");
}

TEST_F(RunErrorsTest, NumbersThatAreNotFinite) {
  Write({}, {{"steps", "learning_rate: 1e30 checkpoint { every_steps: 1 } steps"}});
  ProcessEnd end = Run();
  // Which of these it is depends on the order in which a processor's kernels add up.
  end.err = absl::StrReplaceAll(end.err, {{"the first to give NaN", "the first to give infinity"},
                                          {"the squared norm of the gradient is inf", "the loss is nan"},
                                          {"the squared norm of the gradient is nan", "the loss is nan"}});
  Fails(end,
        "at step 1 the loss is nan; model.textproto:6:1: Dense 'fc1' is the first to give infinity (output 0, f32[16, "
        "16]). No variable was changed. A lower learning_rate, clip_norm or a check of the data may help");
  EXPECT_TRUE(absl::StrContains(end.err, "\nan error ends the run after step 1; its last checkpoint is of step 1\n"))
      << end.err;
}

}  // namespace
}  // namespace gradus
