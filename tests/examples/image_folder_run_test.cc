// The programs on a folder of images: training with a damaged file, whatever the loader threads; evaluation and
// prediction with the checkpoint's own classes and preprocessing.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/images.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

class ImageFolderRunTest : public testing::Test {
 protected:
  // Three classes of different pictures and sizes, JPEG and PNG.
  void SetUp() override {
    folder_ = ScratchFolder();
    for (int c = 0; c < 3; ++c) {
      const std::string name = std::vector<std::string>{"circle", "square", "triangle"}[c];
      for (const std::string split : {"train", "val"}) {
        const std::string where = absl::StrCat(folder_, "/shapes/", split, "/", name);
        std::filesystem::create_directories(where);
        for (int i = 0; i < (split == "train" ? 60 : 5); ++i) {
          const Tensor image = SmoothImage(3, 30 + i % 9, 40 - i % 7, 100 * c + i % 3);
          PutFile(absl::StrCat(where, "/", 100 + i, i % 5 == 0 ? ".png" : ".jpg"),
                  i % 5 == 0 ? Png(image) : Jpeg(image));
        }
      }
    }
    PutFile(folder_ + "/model.textproto", R"(name: "tiny"
input { name: "image" dims: [3, 24, 24] }
input { name: "label" dtype: INT32 }
layer { name: "logits" dense { units: 3 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)");
    PutFile(folder_ + "/train.textproto", R"(model: "model.textproto"
train_data {
  image_folder { path: "shapes" split: TRAIN }
  transform { random_resized_crop { height: 24 width: 24 area: [0.5, 1] } }
  transform { random_horizontal_flip {} }
  transform { color_jitter { brightness: 0.2 } }
  transform { normalize { mean: [0.5, 0.5, 0.5] std: [0.25, 0.25, 0.25] } }
}
eval_data {
  image_folder { path: "shapes" split: TEST }
  transform { resize { shorter_side: 27 } }
  transform { center_crop { height: 24 width: 24 } }
  transform { normalize { mean: [0.5, 0.5, 0.5] std: [0.25, 0.25, 0.25] } }
}
batch_size: 20
epochs: 3
learning_rate: 0.01
threads: 1
)");
  }

  ProgramEnd Train(const std::string& run, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"--config=" + folder_ + "/train.textproto", "--data_dir=" + folder_,
                                      "--run_dir=" + folder_ + "/" + run};
    words.insert(words.end(), more.begin(), more.end());
    return RunExample("train", words);
  }

  std::string folder_;
};

TEST_F(ImageFolderRunTest, TrainsEvaluatesAndPredicts) {
  PutFile(folder_ + "/shapes/train/square/117.jpg", "not an image");
  const ProgramEnd end = Train("run");
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const std::string left_out =
      "left out of train_data: square/117.jpg: not a JPEG or PNG image: its first bytes are those of neither\n";
  EXPECT_THAT(end.err, HasSubstr(left_out));
  EXPECT_EQ(end.err.find(left_out), end.err.rfind(left_out));  // named once
  const auto result = nlohmann::json::parse(end.out);
  EXPECT_EQ(result["skipped_examples"], 3);
  EXPECT_GT(result["eval_top1"], 0.7) << end.out;
  EXPECT_GE(result["data_wait"], 0);
  EXPECT_LE(result["data_wait"], 1);

  const ProgramEnd over_training = RunExample(
      "evaluate", {"--run_dir=" + folder_ + "/run", "--data_dir=" + folder_, "--threads=1", "--training_data"});
  ASSERT_EQ(over_training.exit_code, 0) << over_training.err;
  EXPECT_THAT(over_training.err, HasSubstr("left out: square/117.jpg"));
  EXPECT_EQ(nlohmann::json::parse(LastLine(over_training.out))["examples"], 179);

  // Drawings leave it out as well: of 101 examples the first is damaged.
  PutFile(folder_ + "/autoencoder.textproto", R"(input { name: "image" dims: [3, 24, 24] }
layer { name: "again" unary { function: TANH } }
layer { name: "rows" conv { filters: 3 kernel: 1 } }
loss { name: "mse" target: "image" mean_squared_error {} })");
  std::filesystem::create_directories(folder_ + "/pictures/train/a");
  for (int i = 0; i < 101; ++i) {
    PutFile(absl::StrCat(folder_, "/pictures/train/a/", 100 + i, ".png"),
            i == 0 ? "damaged" : Png(SmoothImage(3, 24, 24, i)));
  }
  const ProgramEnd drawer =
      Train("many", {"--set=model=autoencoder.textproto", "--set=train_data.image_folder.path=pictures",
                     "--set=eval_data={image_folder {path: 'pictures' split: TRAIN} transform "
                     "{resize {height: 24 width: 24}}}",
                     "--set=steps=1"});
  ASSERT_EQ(drawer.exit_code, 0) << drawer.err;
  const std::vector<std::string> where = {"--run_dir=" + folder_ + "/many", "--data_dir=" + folder_, "--threads=1",
                                          "--output=" + folder_ + "/drawn.png", "--count=4"};
  const ProgramEnd outputs = RunExample("show_outputs", where);
  ASSERT_EQ(outputs.exit_code, 0) << outputs.err;
  EXPECT_THAT(outputs.err, HasSubstr("left out: a/100.png: not a JPEG or PNG image"));
  EXPECT_THAT(outputs.out, HasSubstr("drawn.png: 3 images, "));
  const ProgramEnd features =
      RunExample("visualize", {"features", "--layer=rows", where[0], where[1], where[2], where[3]});
  ASSERT_EQ(features.exit_code, 0) << features.err;
  EXPECT_THAT(features.err, HasSubstr("left out: a/100.png: not a JPEG or PNG image"));

  // A split that lacks a class, with a damaged file: 4 + 5 examples.
  std::filesystem::remove_all(folder_ + "/shapes/val/circle");
  ProgramEnd evaluated =
      RunExample("evaluate", {"--run_dir=" + folder_ + "/run", "--data_dir=" + folder_, "--threads=1"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_EQ(nlohmann::json::parse(LastLine(evaluated.out))["examples"], 10);
  EXPECT_THAT(evaluated.out, HasSubstr("circle         .       .         .         0         -\n"));
  PutFile(folder_ + "/shapes/val/square/100.png", "");
  evaluated = RunExample("evaluate", {"--run_dir=" + folder_ + "/run", "--data_dir=" + folder_, "--threads=1"});
  EXPECT_EQ(evaluated.exit_code, 1);
  EXPECT_THAT(evaluated.err, HasSubstr("1 of 10 examples cannot be used, which is more than 1 %"));

  PutFile(folder_ + "/photo", Jpeg(SmoothImage(3, 200, 300, 201)));
  std::filesystem::create_directories(folder_ + "/shapes/val/triangle");
  const std::string known = folder_ + "/shapes/val/triangle/101.jpg";
  const ProgramEnd predicted = RunExample(
      "predict", {"--run_dir=" + folder_ + "/run", "--top=1", known, folder_ + "/photo", folder_ + "/train.textproto"});
  EXPECT_EQ(predicted.exit_code, 1);
  EXPECT_THAT(predicted.out, testing::ContainsRegex(known + "\n  (circle|square|triangle) +[0-9.]+ %\n"));
  EXPECT_THAT(predicted.out, HasSubstr(folder_ + "/photo\n  "));
  EXPECT_EQ(predicted.err, "predict: " + folder_ +
                               "/train.textproto: not a JPEG or PNG image: its first bytes are those of neither\n");
}

TEST_F(ImageFolderRunTest, LoaderThreadsChangeNoByte) {
  PutFile(folder_ + "/shapes/train/circle/103.jpg", Jpeg(SmoothImage(3, 30, 30)).substr(0, 600));
  std::vector<std::string> weights;
  for (int threads : {0, 1, 4}) {
    const std::string run = absl::StrCat("run", threads);
    const ProgramEnd end = Train(run, {absl::StrCat("--set=loader_threads=", threads)});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    weights.push_back(GetFile(absl::StrCat(folder_, "/", run, "/checkpoints/best/model.safetensors")));
    ASSERT_FALSE(weights.back().empty());
    EXPECT_EQ(weights.back(), weights[0]) << threads << " threads";
  }
}

TEST_F(ImageFolderRunTest, ResumesOnTheSameClassesOnly) {
  ASSERT_EQ(Train("run", {"--set=epochs=1"}).exit_code, 0);
  std::filesystem::create_directories(folder_ + "/shapes/train/hexagon");
  PutFile(folder_ + "/shapes/train/hexagon/1.png", Png(SmoothImage(3, 30, 30)));
  const ProgramEnd end = Train("run", {"--resume"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err,
              HasSubstr("train.textproto:2:1: train_data: the run so far had 3 classes, now there are 4; class 1 "
                        "was 'square' and is 'hexagon'; train on the same classes, or start another run"));
}

TEST_F(ImageFolderRunTest, ClassicMistakes) {
  const auto complaint = [this](const std::vector<std::string>& words) {
    const ProgramEnd end = Train("run", words);
    EXPECT_EQ(end.exit_code, 1);
    std::string message = end.err.substr(0, end.err.find('\n'));
    for (size_t at; (at = message.find(folder_)) != std::string::npos;) message.replace(at, folder_.size(), "DIR");
    return message;
  };
  EXPECT_EQ(complaint({"--set=train_data.image_folder.path=shape"}),
            "train: DIR/train.textproto:2:1: train_data: DIR/shape: no such folder; did you mean 'DIR/shapes'?; paths "
            "start from --data_dir, which is 'DIR'");
  EXPECT_EQ(
      complaint({"--set=train_data.transform=[]"}),
      "train: DIR/train.textproto:2:1: train_data: the images of column 'image' may have any size, and no transform "
      "gives all of them the same one; add `transform { random_resized_crop { height: 224 width: 224 } }` or "
      "`transform { resize { height: 224 width: 224 } }`, with your model's size");
  EXPECT_THAT(complaint({"--set=train_data.transform[0].random_resized_crop.height=32"}),
              HasSubstr("column 'image' is f32[3, 32, 24] for each example, but input 'image'"));
  EXPECT_THAT(complaint({"--set=train_data.image_folder.channels=1"}),
              HasSubstr("transform 3 of column 'image': Normalize: 3 values of mean for f32[1, 24, 24]"));
  std::filesystem::rename(folder_ + "/shapes/val/square", folder_ + "/shapes/val/sqare");
  EXPECT_EQ(
      complaint({}),
      "train: DIR/train.textproto:9:1: eval_data: DIR/shapes/val/sqare: the training data have no class 'sqare'; did "
      "you mean 'square'?");
}

TEST_F(ImageFolderRunTest, ShowDataDrawsThem) {
  const ProgramEnd end = RunExample("show_data", {"--config=" + folder_ + "/train.textproto", "--data_dir=" + folder_,
                                                  "--output=" + folder_ + "/shapes.png", "--count=12"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("shapes.png: 12 of 180 training examples, f32[3, 24, 24] each, "));
}

}  // namespace
}  // namespace gradus
