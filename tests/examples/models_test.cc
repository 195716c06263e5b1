// The networks of examples/: their parameters and multiply-accumulates, and that they stay what they are when expanded.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "examples/model_summary.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "gtest/gtest.h"
#include "tests/examples/model_files.h"
#include "train/learner.h"
#include "train/training_file.h"

namespace gradus {
namespace {

// Batch norm counts scale and shift. Multiply-accumulates: convolutions and dense layers, without bias, one example.
struct Figures {
  const char* file;
  int64_t parameters;
  int64_t macs;
  // Without what only training needs.
  int64_t inference_parameters = -1;
  int64_t inference_macs = -1;
};

const Figures kFigures[] = {
    {"mnist/lenet", 431'080, 2'293'000},
    {"mnist/lenet5", 61'706, 416'520},
    {"imagenet/alexnet", 60'965'224, 724'406'816},
    {"imagenet/alexnet_one_tower", 61'100'840, 714'188'480},
    {"imagenet/zfnet", 62'357'608, 1'168'032'896},
    {"imagenet/vgg11", 132'863'336, 7'609'090'048},
    {"imagenet/vgg13", 133'047'848, 11'308'466'176},
    {"imagenet/vgg16", 138'357'544, 15'470'264'320},
    {"imagenet/vgg19", 143'667'240, 19'632'062'464},
    {"imagenet/googlenet", 13'378'280, 1'591'044'096, 6'998'552, 1'582'671'872},
    {"imagenet/googlenet_bn", 13'385'816, 1'591'044'096, 7'005'832, 1'582'671'872},
    {"imagenet/resnet18", 11'689'512, 1'814'073'344},
    {"imagenet/resnet34", 21'797'672, 3'663'761'408},
    {"imagenet/resnet50_v1", 25'557'032, 3'857'973'248},
    {"imagenet/resnet50", 25'557'032, 4'089'184'256},
    {"imagenet/resnet101_v1", 44'549'160, 7'570'194'432},
    {"imagenet/resnet101", 44'549'160, 7'801'405'440},
    {"imagenet/resnet152_v1", 60'192'808, 11'282'415'616},
    {"imagenet/resnet152", 60'192'808, 11'513'626'624},
    {"cifar/quick", 145'578, 12'354'176},
    {"cifar/resnet20", 269'722, 40'551'040},
    {"cifar/resnet56", 853'018, 125'485'696},
    {"cifar/resnet110", 1'727'962, 252'887'680},
};

std::string PathOf(absl::string_view file) { return absl::StrCat("examples/", file, ".textproto"); }

class ModelTest : public testing::TestWithParam<Figures> {};

TEST_P(ModelTest, HasTheFieldsFigures) {
  const Figures& figures = GetParam();
  const absl::StatusOr<LoadedModel> model = LoadModel(PathOf(figures.file));
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<std::string> lines = absl::StrSplit(model->text, '\n');
  EXPECT_LT(lines.size(), 120u);
  const absl::StatusOr<ModelSummary> summary = SummarizeModel(model->model, SummaryOptions());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->training.parameters, figures.parameters);
  EXPECT_EQ(static_cast<int64_t>(summary->training.macs), figures.macs);
  const bool same = figures.inference_parameters < 0;
  EXPECT_EQ(summary->inference.parameters, same ? figures.parameters : figures.inference_parameters);
  EXPECT_EQ(static_cast<int64_t>(summary->inference.macs), same ? figures.macs : figures.inference_macs);
}

TEST_P(ModelTest, TheExpandedModelGivesTheSameGraph) {
  const absl::StatusOr<LoadedModel> model = LoadModel(PathOf(GetParam().file));
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string text = PrintExpanded(model->model);
  const absl::StatusOr<LoadedModel> expanded = LoadModelText(text, "expanded");
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  EXPECT_EQ(PrintExpanded(expanded->model), text);
  for (Mode mode : {Mode::kTrain, Mode::kEvaluate, Mode::kInfer}) {
    LowerOptions options;
    options.mode = mode;
    const absl::StatusOr<Network> a = Lower(model->model, options), b = Lower(expanded->model, options);
    ASSERT_TRUE(a.ok()) << a.status();
    ASSERT_TRUE(b.ok()) << b.status();
    EXPECT_EQ(a->graph.ToString(), b->graph.ToString());
    ASSERT_EQ(a->graph.variables().size(), b->graph.variables().size());
    for (size_t i = 0; i < a->graph.variables().size(); ++i) {
      EXPECT_EQ(a->graph.variables()[i].name, b->graph.variables()[i].name);
      EXPECT_EQ(a->graph.variables()[i].initializer, b->graph.variables()[i].initializer);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ModelTest, testing::ValuesIn(kFigures), [](const auto& info) {
  std::string name = info.param.file;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '/'; }, '_');
  return name;
});

TEST(ModelsTest, TheTableHasAllOfThem) {
  for (const char* folder : {"imagenet", "cifar"}) {
    const absl::StatusOr<std::vector<std::string>> files = ListFolder(absl::StrCat("examples/", folder));
    ASSERT_TRUE(files.ok()) << files.status();
    EXPECT_FALSE(files->empty());
    for (absl::string_view file : *files) {
      if (!absl::ConsumeSuffix(&file, ".textproto") || absl::EndsWith(file, ".train")) continue;
      if (absl::EndsWith(file, "_block") || absl::EndsWith(file, "_blocks")) continue;
      const std::string name = absl::StrCat(folder, "/", file);
      EXPECT_TRUE(std::any_of(std::begin(kFigures), std::end(kFigures), [&](const Figures& figures) {
        return name == figures.file;
      })) << name;
    }
  }
}

// Every training file fits its model, or that of each of its stages: its fields, and its patterns of parameters.
TEST(ModelsTest, TrainingFilesFitTheirModels) {
  const std::vector<std::string> paths = ExampleTrainings();
  EXPECT_GE(paths.size(), 50u);
  for (const std::string& path : paths) {
    const absl::StatusOr<TrainingFile> file = LoadTrainingFile(path, {});
    EXPECT_TRUE(file.ok()) << file.status();
    if (!file.ok()) continue;
    std::vector<const TrainingFile*> trainings;
    for (const TrainingFile& stage : file->stages) trainings.push_back(&stage);
    if (trainings.empty()) trainings.push_back(&*file);
    for (const TrainingFile* each : trainings) {
      Training training = each->training;
      training.set_batch_size(2);
      LearnerOptions options;
      options.training_source = each->source;
      options.input_dims = ExampleInputDims(each->model);
      std::vector<LossScale> losses;
      const absl::StatusOr<Program> program = BuildTrainingProgram(each->model, training, options, &losses);
      EXPECT_TRUE(program.ok()) << path << " " << each->stage << ": " << program.status();
    }
  }
}

struct SeenBy {
  const char* file;
  const char* layer;
  double size;
};

// In elements of the image, padding included; a global pooling sees all of it.
TEST(ModelsTest, UnitsSeeWhatTheFieldSays) {
  for (const SeenBy& row : {SeenBy{"mnist/lenet", "pool2", 16},
                            {"imagenet/alexnet", "conv5", 163},
                            {"imagenet/alexnet", "pool5", 195},
                            {"imagenet/zfnet", "pool5", 171},
                            {"imagenet/vgg16", "stage5/conv/3/conv", 196},
                            {"imagenet/vgg16", "stage5/pool", 212},
                            {"imagenet/vgg19", "stage5/conv/4/conv", 252},
                            {"imagenet/vgg19", "stage5/pool", 268},
                            {"imagenet/googlenet", "5b/out", 715},
                            {"imagenet/resnet18", "stage4/2/res", 435},
                            {"imagenet/resnet34", "stage4/3/res", 899},
                            {"imagenet/resnet50_v1", "stage4/3/res", 483},
                            {"imagenet/resnet101_v1", "stage4/3/res", 1027},
                            {"imagenet/resnet152_v1", "stage4/3/res", 1507},
                            {"imagenet/resnet50", "stage4/3/res", 427},
                            {"imagenet/resnet101", "stage4/3/res", 971},
                            {"imagenet/resnet152", "stage4/3/res", 1451},
                            {"imagenet/resnet152", "pool5", 224},
                            {"receptive_field/five_by_five", "conv", 5},
                            {"receptive_field/two_three_by_three", "conv2", 5}}) {
    SCOPED_TRACE(absl::StrCat(row.file, " ", row.layer));
    const absl::StatusOr<LoadedModel> model = LoadModel(PathOf(row.file));
    ASSERT_TRUE(model.ok()) << model.status();
    const absl::StatusOr<ModelSummary> summary = SummarizeModel(model->model, SummaryOptions());
    ASSERT_TRUE(summary.ok()) << summary.status();
    const auto layer = std::find_if(summary->layers.begin(), summary->layers.end(),
                                    [&](const LayerSummary& l) { return l.name == row.layer; });
    ASSERT_NE(layer, summary->layers.end());
    ASSERT_EQ(layer->field.size(), 2u);
    EXPECT_EQ(layer->field[0].size, row.size);
    EXPECT_EQ(layer->field[1].size, row.size);
  }
}

// Names by which people refer to parts of them, in patterns and checkpoints.
TEST(ModelsTest, ParametersHaveScopedNames) {
  const absl::StatusOr<LoadedModel> model = LoadModel(PathOf("imagenet/resnet50"));
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::StatusOr<Network> network = Lower(model->model, LowerOptions());
  ASSERT_TRUE(network.ok()) << network.status();
  for (const char* name : {"conv1/weights", "stage4/2/res/b/weights", "stage1/1/res/shortcut/weights",
                           "stage1/1/res/shortcut/norm/shift", "stage3/6/res/c/norm/mean", "logits/bias"}) {
    EXPECT_GE(network->graph.FindVariable(name), 0) << name;
  }
  EXPECT_LT(network->graph.FindVariable("stage1/2/res/shortcut/weights"), 0);
}

}  // namespace
}  // namespace gradus
