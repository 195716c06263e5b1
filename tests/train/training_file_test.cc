#include "train/training_file.h"

#include "absl/strings/str_cat.h"
#include "core/named_file.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"
#include "tests/train/tiny_run.h"

namespace gradus {
namespace {

constexpr char kStart[] = "model: \"m\"\ntrain_data {}\n";

absl::StatusOr<TrainingFile> Load(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return LoadTrainingText(text, "train.textproto", kLineModel, "model.textproto", overrides);
}

TEST(TrainingFile, HoldsWhatWasWrittenAndMeant) {
  const absl::StatusOr<TrainingFile> file =
      Load(absl::StrCat(kStart, "epochs: 3"), {"learning_rate=0.5", "optimizer.sgd.momentum=0.8"});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->training.learning_rate(), 0.5);
  EXPECT_EQ(file->training.optimizer().sgd().momentum(), 0.8);
  EXPECT_EQ(*file->text, absl::StrCat(kStart, "epochs: 3"));
  EXPECT_EQ(file->source.Lookup("learning_rate").ToString(), "--set=learning_rate=0.5");
  EXPECT_EQ(file->source.Lookup("epochs").ToString(), "train.textproto:3:1");
  EXPECT_EQ(file->model.text, kLineModel);
}

TEST(TrainingFile, LetsAFlagSayHowLong) {
  EXPECT_FALSE(Load(absl::StrCat(kStart, "epochs: 3"), {"steps=7"})->training.has_epochs());
  EXPECT_FALSE(Load(absl::StrCat(kStart, "steps: 3"), {"epochs=7"})->training.has_steps());
  EXPECT_EQ(Load(kStart, {"epochs=7", "steps=8"}).status().message(),
            "--set=steps=8: steps and epochs (--set=epochs=7) both say how long to train; keep one of them");
}

TEST(TrainingFile, NamesEveryWrongNumber) {
  struct Row {
    const char *field, *message;
  };
  const Row rows[] = {
      {"batch_size: 0", "batch_size is 0; it must be at least 1"},
      {"eval_batch_size: -1", "eval_batch_size is -1; it must be at least 1"},
      {"epochs: 0", "epochs is 0; it must be 1 to 1000000000"},
      {"steps: 0", "steps is 0; it must be 1 to 1000000000000"},
      {"accumulate: 10000000", "accumulate is 10000000; it must be 1 to 1000000"},
      {"learning_rate: 0", "learning_rate is 0; it must be a number above 0"},
      {"learning_rate: nan", "learning_rate is nan; it must be a number above 0"},
      {"learning_rate: 1e39", "learning_rate is 1e+39; it must be at most 3.40282e+38"},
      {"weight_decay: -0.1", "weight_decay is -0.1; it must be a number not below 0"},
      {"weight_decay_l1: nan", "weight_decay_l1 is nan; it must be a number not below 0"},
      {"clip_norm: inf", "clip_norm is inf; it must be at most 3.40282e+38"},
      {"optimizer { sgd { momentum: 1 } }", "optimizer.sgd.momentum is 1; it must be at least 0 and below 1"},
      {"optimizer { sgd { nesterov: true } }", "optimizer.sgd.nesterov needs a momentum above 0"},
      {"optimizer { adam { beta1: nan } }", "optimizer.adam.beta1 is nan; it must be at least 0 and below 1"},
      {"optimizer { adam { epsilon: 0 } }", "optimizer.adam.epsilon is 0; it must be a number above 0"},
      {"threads: 1025", "threads is 1025; it must be 0 to 1024"},
      {"loader_threads: 257", "loader_threads is 257; it must be 0 to 256"},
      {"log_every_steps: 0", "log_every_steps is 0; it must be at least 1"},
      {"memory_budget: -1", "memory_budget is -1; it must be at least 0"},
      {"checkpoint { keep: 0 }", "checkpoint.keep is 0; it must be at least 1"},
      {"checkpoint { best_metric: \"x\" }",
       "checkpoint.best_metric needs eval_data: without it there is no evaluation"},
      {"evaluation { every_steps: 3 }", "evaluation needs eval_data: without it there is no evaluation"},
      {"early_stop {}", "early_stop needs eval_data: without it there is no evaluation"},
      {"eval_data {} early_stop { patience: 0 }", "early_stop.patience is 0; it must be at least 1"},
      {"stop_when { at_most: 1 }", "stop_when needs eval_data: without it there is no evaluation"},
      {"eval_data {} stop_when { metric: \"loss\" }", "stop_when needs one of `at_least` and `at_most`"},
      {"eval_data {} stop_when { at_most: 0 at_least: 1 }", "stop_when needs one of `at_least` and `at_most`"},
      {"eval_data {} stop_when { at_most: nan }", "stop_when.at_most is nan; it must be a number"},
      {"feed { input: \"x\" }", "feed[0] needs both `input` and `column`"},
      {"init_from {}", "init_from[0] needs `checkpoint`"},
      {"init_from { checkpoint: \"a\" rename { to: \"b\" } }",
       "init_from[0].rename[0] needs both `to` (the name here) and `from` (the name there)"},
  };
  for (const Row& row : rows) {
    const std::string message(Load(absl::StrCat(kStart, row.field)).status().message());
    const size_t place = message.find(": ");
    EXPECT_EQ(message.substr(0, 18), "train.textproto:3:") << message;
    EXPECT_EQ(message.substr(place + 2), row.message);
  }
}

TEST(TrainingFile, SaysAllAtOnceInTheOrderOfTheText) {
  EXPECT_EQ(LoadTrainingText("batch_size: 0\nfeed { input: \"x\" column: \"a\" }\nfeed { input: \"x\" column: \"b\" }\n"
                             "steps: 3\nepochs: 4",
                             "train.textproto", "layer { name: \"y\" }", "model.textproto", {})
                .status()
                .message(),
            "train.textproto: train_data is missing: say where training examples come from\n"
            "train.textproto:1:1: batch_size is 0; it must be at least 1\n"
            "train.textproto:3:1: feed[1] feeds 'x' as feed[0] (train.textproto:2:1) does already\n"
            "train.textproto:4:1: steps and epochs (train.textproto:5:1) both say how long to train; keep one of them\n"
            "model.textproto:1:1: layer 'y' has nothing to take: the model has no input\n"
            "model.textproto:1:1: layer 'y' has no operation: say what it does, like 'dense { units: 10 }'");
}

TEST(TrainingFile, ReadsTheModelBesidesIt) {
  const std::string folder = ScratchFolder();
  PutFile(folder + "/line.textproto", kLineModel);
  PutFile(folder + "/line.train.textproto", "model: \"line.textproto\" train_data {}");
  const absl::StatusOr<TrainingFile> file = LoadTrainingFile(folder + "/line.train.textproto", {});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->model.written.name(), "line");
  EXPECT_EQ(file->model.path, folder + "/line.textproto");
  EXPECT_EQ(PathBeside(file->path, "x"), folder + "/x");
  EXPECT_EQ(PathBeside(file->path, "/x"), "/x");
  EXPECT_EQ(PathBeside(Load(kStart)->path, "x"), "x");
  TrainingFile at_root;
  at_root.path = "/train.textproto";
  EXPECT_EQ(PathBeside(at_root.path, "x"), "/x");
}

}  // namespace
}  // namespace gradus
