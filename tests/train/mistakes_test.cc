// Mistakes in files and flags: each ends the real program with exit code 1 (2 for wrong flags), never with a signal,
// before it makes a run folder, and with the message that stands here.
#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "tests/train/program_test.h"

namespace gradus {
namespace {

class MistakesTest : public ProgramTest {
 protected:
  void Model(const Edits& edits, const std::string& message) { Check(edits, {}, {}, message); }
  void Training(const Edits& edits, const std::string& message) { Check({}, edits, {}, message); }
  void Flags(const Words& flags, const std::string& message, int exit_code = 1) {
    Check({}, {}, flags, message, exit_code);
  }

  // Each mistake is told before the run folder is made.
  void Check(const Edits& model, const Edits& training, const Words& flags, const std::string& message,
             int exit_code = 1) {
    Write(model, training);
    Fails(ProgramTest::Run(flags), message, exit_code);
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/run")) << message;
  }
};

TEST_F(MistakesTest, OfTheModel) {
  // All misspelt names of a file at once.
  Model({{"filters", "filtres"}, {"kernel: 2", "kernl: 2"}, {"units: 10", "unit: 10"}},
        "model.textproto:4:31: message 'Conv' has no field 'filtres'; did you mean 'filters'?\n"
        "model.textproto:5:41: message 'Pool' has no field 'kernl'; did you mean 'kernel'?\n"
        "model.textproto:7:32: message 'Dense' has no field 'unit'; did you mean 'units'?");
  Model({{"name: \"fc1\" ", "name: \"fc1\" input: \"poool1\""}, {"target: \"label\"", "target: \"labels\""}},
        "model.textproto:6:21: layer 'fc1' takes 'poool1', which is no input and no layer; did you mean 'pool1'?\n"
        "model.textproto:8:39: loss 'xent' takes 'labels', which is no input and no layer; did you mean 'label'?\n"
        "model.textproto:9:39: metric 'top1' takes 'labels', which is no input and no layer; did you mean 'label'?");
  Model({{"\"conv1\" ", "\"conv1\" input: \"fc1\""}},
        "model.textproto:4:1: layers form a cycle: conv1 -> pool1 -> fc1 -> conv1");
  Model({{"\"fc1\"", "\"conv1\""}}, "model.textproto:6:9: a second 'conv1': the first is at model.textproto:4:9");
  Model({{"\nloss", "\nlayer { name: \"sum\" input: [\"fc1\", \"logits\"] binary { function: ADD } }\nloss"}},
        "model.textproto:8:46: 'sum': shapes [16, 16] and [16, 10] do not broadcast to each other\n"
        "  its input 'fc1/activation' is f32[16, 16], from model.textproto:6:1\n"
        "  its input 'logits' is f32[16, 10], from model.textproto:7:1");
  Model({{"input: \"logits\" target: \"label\" softmax", "input: \"conv1\" target: \"label\" softmax"}},
        "model.textproto:8:1: 'xent': SoftmaxCrossEntropy(f32[16, 4, 24, 24], i32[16]): expected labels i32[16, 4, 24] "
        "for logits f32[16, 4, 24, 24]; got i32[16]\n"
        "  its input 'conv1' is f32[16, 4, 24, 24], from model.textproto:4:1\n"
        "  its input 'label' is i32[16], from model.textproto:3:1");
  Model({{"dense { units: 10 }", "dense { units: 10 } share { variable: \"weigths\" with: \"fc1/weights\" }"}},
        "model.textproto:7:44: 'logits' has no parameter 'weigths' to share; did you mean 'weights'?");
  Model(
      {{"metric { name: \"top1\"", "metric { name: \"loss\""}},
      "model.textproto:9:10: a metric cannot be called 'loss': evaluations report the sum of all losses by this name");
  Model({{"kernel: 5", "kernel: 50"}},
        "model.textproto:4:42: 'conv1': the window [50, 50] is larger than the padded input [28, 28]\n"
        "  its input 'image' is f32[16, 1, 28, 28], from model.textproto:2:1");
  Model({{"kernel: 5", "kernel: 5 stride: -1"}},
        "model.textproto:4:52: 'conv1': stride is -1; expected a value in [1, 2147483648)\n"
        "  its input 'image' is f32[16, 1, 28, 28], from model.textproto:2:1");
  Model({{"loss   { name: \"xent\" input: \"logits\" target: \"label\" softmax_cross_entropy {} }\n", ""}},
        "model.textproto: the model has no loss; training needs one, like `loss { name: \"xent\" target: \"label\" "
        "softmax_cross_entropy {} }`");
  Model({{"accuracy {}", "accuracy {} only: EVALUATE"}, {"entropy {}", "entropy {} only: EVALUATE"}},
        "model.textproto: the model has losses for evaluation only; training needs one, like `loss { name: \"xent\" "
        "target: \"label\" softmax_cross_entropy {} }`");
  Model({{"output: \"logits\"", "output: \"logit\""}},
        "model.textproto:10:1: output 'logit' is no layer; did you mean 'logits'?");
  Model({{" dtype: INT32", ""}},
        "train.textproto:2:1: column 'label' is i32[] for each example, but input 'label' (model.textproto:3:1) is "
        "f32[]; what would fit is `input { name: \"label\" dtype: INT32 }`");
  Model({{"[1, 28, 28]", "[3, 32, 32]"}},
        "train.textproto:2:1: column 'image' is f32[1, 28, 28] for each example, but input 'image' "
        "(model.textproto:2:1) is f32[3, 32, 32]; what would fit is `input { name: \"image\" dims: [1, 28, 28] }`");
  Model({{"units: 16", "units: sixteen"}, {"MAX", "MAXX"}},
        "model.textproto:5:37: 'MAXX' is not a value of 'pool.kind'; did you mean 'MAX'?\n"
        "model.textproto:6:39: 'dense.units' takes an integer, not 'sixteen'");
  Model({{"kernel: 5 } }", "kernel: 5 }"}},
        "model.textproto:4:7: 'layer {' is not closed: a '}' is missing before model.textproto:5:1");
  Model({{kProgramModel, ""}}, "model.textproto: the model has no layer");
  Model({{kProgramModel, kProgramTraining}}, "model.textproto: this is a training file; wanted is a model file");
}

TEST_F(MistakesTest, OfSize) {
  Write({{"units: 16", "units: 100000000"}}, {{"threads", "memory_budget: 1000000\nthreads"}});
  const ProcessEnd end = Run();
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_TRUE(absl::StartsWith(Complaint(end), "train.textproto:6:1: the plan needs ")) << end.err;
  EXPECT_TRUE(absl::StrContains(Complaint(end),
                                ", more than the memory_budget of 1.0 MB; the smallest that would do is "
                                "memory_budget: "))
      << end.err;
}

TEST_F(MistakesTest, OfTheTrainingFile) {
  Training({{"batch_size", "batchsize"}, {"momentum", "momentun"}, {"split", "spilt"}},
           "train.textproto:3:46: message 'SyntheticDigits' has no field 'spilt'; did you mean 'split'?\n"
           "train.textproto:4:1: message 'Training' has no field 'batchsize'; did you mean 'batch_size'?\n"
           "train.textproto:7:19: message 'Sgd' has no field 'momentun'; did you mean 'momentum'?");
  Training({{"\"model.textproto\"", "\"modell.textproto\""}, {"steps: 3", "steps: 0"}},
           "train.textproto:5:1: steps is 0; it must be 1 to 1000000000000\n"
           "train.textproto:1:1: model: cannot open 'modell.textproto': No such file or directory; did you mean "
           "'model.textproto'?");
  Training({{"\"model.textproto\"", "\".\""}}, "train.textproto:1:1: model: cannot read '.': it is a folder");
  Training(
      {{"model: \"model.textproto\"", ""}, {"train_data", "eval_batch_size: 3 #"}},
      "train.textproto: train_data is missing: say where training examples come from\n"
      "train.textproto: model is missing: name the model file, relative to this one, like `model: \"m.textproto\"`");
  Training({{"steps: 3", "steps: 3 epochs: 2"}},
           "train.textproto:5:1: steps and epochs (train.textproto:5:10) both say how long to train; keep one of them");
  Training({{"batch_size: 16", "batch_size: 1000"}},
           "train.textproto:2:1: train_data: a batch size of 1000, but the data set has 64 examples: dropping the "
           "remainder would leave no batch; use a smaller batch, or remainder: WRAP");
  Training(
      {{"batch_size: 16", "accumulate: 9 batch_size: 16"}, {"steps: 3", "epochs: 2"}},
      "train.textproto:4:1: the run has no step: one takes 9 batches of 16 examples, but 2 epochs have 8; use more "
      "epochs, a smaller batch_size or less of accumulate");
  Training({{"sgd { momentum: 0.9 }", "[acme.lion] {}"}},
           "train.textproto:7:13: message 'Optimizer' has no extension '[acme.lion]'");
  Training({{"sgd {", "sdg {"}}, "train.textproto:7:13: message 'Optimizer' has no field 'sdg'; did you mean 'sgd'?");
  Training({{"steps", "learning_rate: -0.1 steps"}},
           "train.textproto:5:1: learning_rate is -0.1; it must be a number above 0");
  Training({{"eval_data ", "evaluation { every_steps: 2 } #"}},
           "train.textproto:3:1: evaluation needs eval_data: without it there is no evaluation");
  Training({{"steps", "checkpoint { best_metric: \"top2\" } steps"}},
           "train.textproto:5:14: checkpoint.best_metric: the model has no metric 'top2'; did you mean 'top1'?");
  Training({{"steps", "schedule { multistep { at: [5, 3] } } steps"}},
           "train.textproto:5:1: schedule.multistep.at must be above 0 and ascend: 3 after 5");
  Training({{"steps", "param_group { match: \"**/bais\" weight_decay: 0 } steps"}},
           "train.textproto:5:15: pattern '**/bais' matches no parameter; did you mean 'bias'?");
  Training({{"steps", "param_group { match: \"**\" freeze: true } steps"}},
           "model.textproto: the model has no parameter to train (all are frozen, or no layer has any)");
  Training({{"steps", "feed { input: \"lable\" column: \"label\" } steps"}},
           "train.textproto:5:8: the model has no input 'lable'; did you mean 'label'?");
  Training(
      {{"steps", "init_from { checkpoint: \"runs/first\" } steps"}},
      "train.textproto:5:13: init_from[0].checkpoint: there is no 'runs/first'; wanted is the folder of a checkpoint "
      "or a run, or a .safetensors file");
  Training({{"examples: 64 }", "examples: 64 } take: 65"}},
           "train.textproto:2:1: train_data: take 65, but after skip 0 the data set has 64 examples");
  Training({{"examples: 64 }", "examples: 64 } transform { column: \"imge\" normalize {} }"}},
           "train.textproto:2:1: train_data: transform 0: the data set has no column 'imge'; did you mean 'image'?");
  Training(
      {{"synthetic_digits { examples: 64 }", "idx { path: \"mnist\" }"}},
      "train.textproto:2:1: train_data: mnist: no such folder; put MNIST's four files there or name yours (idx { "
      "path: images: labels: }), or use synthetic_digits {}, which needs no files; paths start from --data_dir, which "
      "is not given");
  Training(
      {{"model:", "language_version: 2 model:"}},
      "train.textproto:1:19: this file needs version 2 of the language; this program knows version 1: a newer Gradus "
      "is needed");
}

TEST_F(MistakesTest, OfTheValuesOfFlags) {
  Flags({"--set=learning_rate=nan", "--set=clip_norm=-1"},
        "--set=learning_rate=nan: learning_rate is nan; it must be a number above 0\n"
        "--set=clip_norm=-1: clip_norm is -1; it must be a number not below 0");
  Flags({"--set=learing_rate=0.1", "--set=optimizer.sgd.momentun=0.1", "--set=steps"},
        "--set=learing_rate=0.1: message 'Training' has no field 'learing_rate'; did you mean 'learning_rate'?\n"
        "--set=optimizer.sgd.momentun=0.1: message 'Sgd' has no field 'momentun'; did you mean 'momentum'?\n"
        "--set=steps: expected path.to.field=value");
  Flags({"--config=trian.textproto"},
        "training file: cannot open 'trian.textproto': No such file or directory; did you mean 'train.textproto'?");
  Flags({"--config=."}, "training file: cannot read '.': it is a folder");
  Flags({"--config=model.textproto"},
        "model.textproto: this is a model file; wanted is a training file, which names it as `model`");
}

TEST_F(MistakesTest, OfTheFlags) {
  Flags({"--btach=3"},
        "there is no flag --btach\n"
        "see --help",
        2);
  Flags({"--threads=two"},
        "Illegal value 'two' specified for flag 'threads'\n"
        "see --help",
        2);
  Flags({"--threads=-1"},
        "--threads is -1; it must be 0 to 1024\n"
        "see --help",
        2);
  Flags({"--resume", "--run_dir="},
        "--resume needs --run_dir: which run is to go on?\n"
        "see --help",
        2);
  Flags({"train.textproto"},
        "'train.textproto' is no flag, and there are no other arguments\n"
        "see --help",
        2);
  Flags({"--run_dir"},
        "--run_dir has no value\n"
        "see --help",
        2);
}

}  // namespace
}  // namespace gradus
