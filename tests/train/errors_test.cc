// What the real program says to mistakes: each ends with exit code 1 (2 for wrong flags), never with a signal, and with
// the message that stands here.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
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

// What a process has complained of: its lines on stderr that begin with its name, without it; none of them twice.
std::string Complaint(const ProcessEnd& end) {
  Words lines;
  for (absl::string_view line : absl::StrSplit(end.err, '\n')) {
    if (!absl::ConsumePrefix(&line, "train: ")) continue;
    EXPECT_EQ(std::count(lines.begin(), lines.end(), line), 0) << line;
    lines.emplace_back(line);
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
      {{{"filters", "filtres"}, {"kernel: 2", "kernl: 2"}, {"units: 10", "unit: 10"}},
       {},
       {},
       "model.textproto:4:31: message 'Conv' has no field 'filtres'; did you mean 'filters'?\n"
       "model.textproto:5:41: message 'Pool' has no field 'kernl'; did you mean 'kernel'?\n"
       "model.textproto:7:32: message 'Dense' has no field 'unit'; did you mean 'units'?"},
      {{{"name: \"fc1\" ", "name: \"fc1\" input: \"poool1\""}, {"target: \"label\"", "target: \"labels\""}},
       {},
       {},
       "model.textproto:6:21: layer 'fc1' takes 'poool1', which is no input and no layer; did you mean 'pool1'?\n"
       "model.textproto:8:39: loss 'xent' takes 'labels', which is no input and no layer; did you mean 'label'?\n"
       "model.textproto:9:39: metric 'top1' takes 'labels', which is no input and no layer; did you mean 'label'?"},
      {{{"\"conv1\" ", "\"conv1\" input: \"fc1\""}},
       {},
       {},
       "model.textproto:4:1: layers form a cycle: conv1 -> pool1 -> fc1 -> conv1"},
      {{{"\"fc1\"", "\"conv1\""}},
       {},
       {},
       "model.textproto:6:9: a second 'conv1': the first is at model.textproto:4:9"},
      {{{"\nloss", "\nlayer { name: \"sum\" input: [\"fc1\", \"logits\"] binary { function: ADD } }\nloss"}},
       {},
       {},
       "model.textproto:8:46: 'sum': shapes [16, 16] and [16, 10] do not broadcast to each other\n"
       "  its input 'fc1/activation' is f32[16, 16], from model.textproto:6:1\n"
       "  its input 'logits' is f32[16, 10], from model.textproto:7:1"},
      {{{"input: \"logits\" target: \"label\" softmax", "input: \"conv1\" target: \"label\" softmax"}},
       {},
       {},
       "model.textproto:8:1: 'xent': SoftmaxCrossEntropy(f32[16, 4, 24, 24], i32[16]): expected labels i32[16, 4, 24] "
       "for logits f32[16, 4, 24, 24]; got i32[16]\n"
       "  its input 'conv1' is f32[16, 4, 24, 24], from model.textproto:4:1\n"
       "  its input 'label' is i32[16], from model.textproto:3:1"},
      {{{"kernel: 5", "kernel: 50"}},
       {},
       {},
       "model.textproto:4:42: 'conv1': the window [50, 50] is larger than the padded input [28, 28]\n"
       "  its input 'image' is f32[16, 1, 28, 28], from model.textproto:2:1"},
      {{{"kernel: 5", "kernel: 5 stride: -1"}},
       {},
       {},
       "model.textproto:4:52: 'conv1': stride is -1; expected a value in [1, 2147483648)\n"
       "  its input 'image' is f32[16, 1, 28, 28], from model.textproto:2:1"},
      {{{"loss   { name: \"xent\" input: \"logits\" target: \"label\" softmax_cross_entropy {} }\n", ""}},
       {},
       {},
       "model.textproto: the model has no loss; training needs one, like `loss { name: \"xent\" target: \"label\" "
       "softmax_cross_entropy {} }`"},
      {{{"accuracy {}", "accuracy {} only: EVALUATE"}, {"entropy {}", "entropy {} only: EVALUATE"}},
       {},
       {},
       "model.textproto: the model has losses for evaluation only; training needs one, like `loss { name: \"xent\" "
       "target: \"label\" softmax_cross_entropy {} }`"},
      {{{"output: \"logits\"", "output: \"logit\""}},
       {},
       {},
       "model.textproto:10:1: output 'logit' is no layer; did you mean 'logits'?"},
      {{{" dtype: INT32", ""}},
       {},
       {},
       "train.textproto:2:1: column 'label' is i32[] for each example, but input 'label' (model.textproto:3:1) is "
       "f32[]; what would fit is `input { name: \"label\" dtype: INT32 }`"},
      {{{"[1, 28, 28]", "[3, 32, 32]"}},
       {},
       {},
       "train.textproto:2:1: column 'image' is f32[1, 28, 28] for each example, but input 'image' "
       "(model.textproto:2:1) is f32[3, 32, 32]; what would fit is `input { name: \"image\" dims: [1, 28, 28] }`"},
      {{{"units: 16", "units: sixteen"}, {"MAX", "MAXX"}},
       {},
       {},
       "model.textproto:5:37: 'MAXX' is not a value of 'pool.kind'; did you mean 'MAX'?\n"
       "model.textproto:6:39: 'dense.units' takes an integer, not 'sixteen'"},
      {{{"kernel: 5 } }", "kernel: 5 }"}},
       {},
       {},
       "model.textproto:4:7: 'layer {' is not closed: a '}' is missing before model.textproto:5:1"},
      {{{"units: 16", "units: 100000000"}},
       {{"threads", "memory_budget: 1000000\nthreads"}},
       {},
       "train.textproto:6:1: the plan needs 718.0 GB, more than the memory_budget of 1.0 MB"},
      {{{kModel, ""}}, {}, {}, "model.textproto: the model has no layer"},
      {{{kModel, kTraining}}, {}, {}, "model.textproto: this is a training file; wanted is a model file"},
  });
}

TEST_F(MistakesTest, OfTheTrainingFile) {
  Check({
      {{},
       {{"batch_size", "batchsize"}, {"momentum", "momentun"}, {"split", "spilt"}},
       {},
       "train.textproto:3:46: message 'SyntheticDigits' has no field 'spilt'; did you mean 'split'?\n"
       "train.textproto:4:1: message 'Training' has no field 'batchsize'; did you mean 'batch_size'?\n"
       "train.textproto:7:19: message 'Sgd' has no field 'momentun'; did you mean 'momentum'?"},
      {{},
       {{"\"model.textproto\"", "\"modell.textproto\""}, {"steps: 3", "steps: 0"}},
       {},
       "train.textproto:5:1: steps is 0; it must be 1 to 1000000000000\n"
       "train.textproto:1:1: model: cannot open 'modell.textproto': No such file or directory; did you mean "
       "'model.textproto'?"},
      {{}, {{"\"model.textproto\"", "\".\""}}, {}, "train.textproto:1:1: model: cannot read '.': it is a folder"},
      {{},
       {{"model: \"model.textproto\"", ""}, {"train_data", "eval_batch_size: 3 #"}},
       {},
       "train.textproto: train_data is missing: say where training examples come from\n"
       "train.textproto: model is missing: name the model file, relative to this one, like `model: \"m.textproto\"`"},
      {{},
       {{"steps: 3", "steps: 3 epochs: 2"}},
       {},
       "train.textproto:5:1: steps and epochs (train.textproto:5:10) both say how long to train; keep one of them"},
      {{},
       {{"batch_size: 16", "batch_size: 1000"}},
       {},
       "train.textproto:2:1: train_data: a batch size of 1000, but the data set has 64 examples: dropping the "
       "remainder would leave no batch; use a smaller batch, or remainder: WRAP"},
      {{},
       {{"batch_size: 16", "accumulate: 9 batch_size: 16"}, {"steps: 3", "epochs: 2"}},
       {},
       "train.textproto:4:1: the run has no step: one takes 9 batches of 16 examples, but 2 epochs have 8; use more "
       "epochs, a smaller batch_size or less of accumulate"},
      {{},
       {{"sgd { momentum: 0.9 }", "[acme.lion] {}"}},
       {},
       "train.textproto:7:13: message 'Optimizer' has no extension '[acme.lion]'"},
      {{},
       {{"sgd {", "sdg {"}},
       {},
       "train.textproto:7:13: message 'Optimizer' has no field 'sdg'; did you mean 'sgd'?"},
      {{},
       {{"steps", "learning_rate: -0.1 steps"}},
       {},
       "train.textproto:5:1: learning_rate is -0.1; it must be a number above 0"},
      {{},
       {{"eval_data ", "evaluation { every_steps: 2 } #"}},
       {},
       "train.textproto:3:1: evaluation needs eval_data: without it there is no evaluation"},
      {{},
       {{"steps", "checkpoint { best_metric: \"top2\" } steps"}},
       {},
       "train.textproto:5:14: checkpoint.best_metric: the model has no metric 'top2'; did you mean 'top1'?"},
      {{},
       {{"steps", "schedule { multistep { at: [5, 3] } } steps"}},
       {},
       "train.textproto:5:1: schedule.multistep.at must be above 0 and ascend: 3 after 5"},
      {{},
       {{"steps", "param_group { match: \"**/bais\" weight_decay: 0 } steps"}},
       {},
       "train.textproto:5:15: pattern '**/bais' matches no parameter; did you mean 'bias'?"},
      {{},
       {{"steps", "param_group { match: \"**\" freeze: true } steps"}},
       {},
       "model.textproto: the model has no parameter to train (all are frozen, or no layer has any)"},
      {{},
       {{"steps", "feed { input: \"lable\" column: \"label\" } steps"}},
       {},
       "train.textproto:5:8: the model has no input 'lable'; did you mean 'label'?"},
      {{},
       {{"steps", "init_from { checkpoint: \"runs/first\" } steps"}},
       {},
       "train.textproto:5:13: init_from[0].checkpoint: there is no 'runs/first'; wanted is the folder of a checkpoint "
       "or a run, or a .safetensors file"},
      {{},
       {{"examples: 64 }", "examples: 64 } take: 65"}},
       {},
       "train.textproto:2:1: train_data: take 65, but after skip 0 the data set has 64 examples"},
      {{},
       {{"examples: 64 }", "examples: 64 } transform { column: \"imge\" normalize {} }"}},
       {},
       "train.textproto:2:1: train_data: transform 0: the data set has no column 'imge'; did you mean 'image'?"},
      {{},
       {{"synthetic_digits { examples: 64 }", "idx { path: \"mnist\" }"}},
       {},
       "train.textproto:2:1: train_data: mnist: no such folder; put MNIST's four files there or name yours (idx { "
       "path: images: labels: }), or use synthetic_digits {}, which needs no files; paths start from --data_dir, which "
       "is not given"},
      {{},
       {{"model:", "language_version: 2 model:"}},
       {},
       "train.textproto:1:19: this file needs version 2 of the language; this program knows version 1: a newer Gradus "
       "is needed"},
  });
}

TEST_F(MistakesTest, OfTheValuesOfFlags) {
  Check({
      {{},
       {},
       {"--set=learning_rate=nan", "--set=clip_norm=-1"},
       "--set=learning_rate=nan: learning_rate is nan; it must be a number above 0\n"
       "--set=clip_norm=-1: clip_norm is -1; it must be a number not below 0"},
      {{},
       {},
       {"--set=learing_rate=0.1", "--set=optimizer.sgd.momentun=0.1", "--set=steps"},
       "--set=learing_rate=0.1: message 'Training' has no field 'learing_rate'; did you mean 'learning_rate'?\n"
       "--set=optimizer.sgd.momentun=0.1: message 'Sgd' has no field 'momentun'; did you mean 'momentum'?\n"
       "--set=steps: expected path.to.field=value"},
      {{},
       {},
       {"--config=trian.textproto"},
       "training file: cannot open 'trian.textproto': No such file or directory; did you mean 'train.textproto'?"},
      {{}, {}, {"--config=."}, "training file: cannot read '.': it is a folder"},
      {{},
       {},
       {"--config=model.textproto"},
       "model.textproto: this is a model file; wanted is a training file, which names it as `model`"},
  });
}

TEST_F(MistakesTest, OfTheFlags) {
  Check(
      {
          {{},
           {},
           {"--btach=3"},
           "there is no flag --btach; known: --config, --data_dir, --debug_arena, --dry_run, --dump_graph, --resume, "
           "--run_dir, --set, --threads\n"
           "see --help"},
          {{},
           {},
           {"--threads=two"},
           "Illegal value 'two' specified for flag 'threads'\n"
           "see --help"},
          {{},
           {},
           {"--threads=-1"},
           "--threads is -1; it must be 0 to 1024\n"
           "see --help"},
          {{},
           {},
           {"--resume", "--run_dir="},
           "--resume needs --run_dir: which run is to go on?\n"
           "see --help"},
          {{},
           {},
           {"train.textproto"},
           "'train.textproto' is no flag, and there are no other arguments\n"
           "see --help"},
          {{},
           {},
           {"--run_dir"},
           "--run_dir has no value\n"
           "see --help"},
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

TEST_F(ErrorsTest, HostileText) {
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
  PutFile(folder_ + "/train.textproto", kTraining);
  PutFile(folder_ + "/model.textproto", layers);
  Fails(Run(), "model.textproto:1:757: messages are nested more than 100 deep");
}

TEST_F(ErrorsTest, DiskFull) {
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

TEST_F(ErrorsTest, RunFolder) {
  PutFile(folder_ + "/file", "");
  Fails(Run({"--run_dir=file/run"}), "cannot make folder 'file/run': 'file' is not a folder");
  Fails(Run({"--run_dir=file"}), "cannot make folder 'file': 'file' is not a folder");
  ASSERT_EQ(Run().exit_code, 0);
  Fails(Run(),
        "the run folder 'run' is not empty (it holds 'checkpoints', 'metrics.jsonl'): go on with its run by --resume, "
        "or give another folder");
  Fails(Run({"--run_dir=.", "--resume"}),
        "nothing to resume: '.' is not the folder of a run (it holds 'file', 'model.textproto', 'run', "
        "'train.textproto', but neither run.lock nor 'checkpoints')");
  Fails(Run({"--run_dir=/proc/run"}), "cannot make folder '/proc/run': No such file or directory");
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

TEST_F(ErrorsTest, NumbersThatAreNotFinite) {
  Write({}, {{"steps", "learning_rate: 1e30 checkpoint { every_steps: 1 } steps"}});
  const ProcessEnd end = Run();
  Fails(end,
        "at step 1 the loss is nan; model.textproto:6:1: Dense 'fc1' is the first to give infinity (output 0, f32[16, "
        "16]). No variable was changed. A lower learning_rate, clip_norm or a check of the data may help");
  EXPECT_TRUE(absl::StrContains(end.err, "\nan error ends the run after step 1; its last checkpoint is of step 1\n"))
      << end.err;
}

}  // namespace
}  // namespace gradus
