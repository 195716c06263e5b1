// The files of examples/faces trained for a few steps, on drawn faces and on a folder of images, and the programs that
// use what comes out.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/tensor.h"
#include "data/image_file.h"
#include "data/png.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

void PutImage(const std::string& path, int64_t height, int64_t width) {
  Tensor image(TensorType{DType::kUint8, {3, height, width}});
  for (int64_t i = 0; i < image.bytes(); ++i) image.data()[i] = static_cast<uint8_t>(i * 7 % 251);
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok()) << png.status();
  PutFile(path, *png);
}

// Trains `task` of examples/faces for two steps; the run's folder.
std::string Train(const std::string& task, const std::string& folder, std::vector<std::string> flags) {
  const std::string run = absl::StrCat(folder, "/", task);
  flags.insert(flags.end(), {absl::StrCat("--config=examples/faces/", task, ".train.textproto"), "--run_dir=" + run,
                             "--set=batch_size=4", "--set=eval_batch_size=4", "--set=epochs=1", "--set=threads=1"});
  const ProgramEnd end = RunExample("train", flags);
  EXPECT_EQ(end.exit_code, 0) << task << ": " << end.err;
  return run;
}

std::string TrainDrawn(const std::string& task, const std::string& folder) {
  return Train(task, folder,
               {"--set=train_data.synthetic_faces.examples=8", "--set=eval_data.synthetic_faces.examples=8"});
}

ProgramEnd Detect(const std::string& run, std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--run_dir=" + run, "--threads=1"});
  return RunExample("detect_faces", flags);
}

TEST(FacesTest, DetectsInImagesOfAnySize) {
  const std::string folder = ScratchFolder(), run = TrainDrawn("detection", folder);
  PutImage(folder + "/a.png", 75, 101);
  PutImage(folder + "/tiny.png", 1, 3);
  const ProgramEnd end =
      Detect(run, {"--image=" + folder + "/a.png", "--output=" + folder + "/out.png", "--threshold=0"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  std::istringstream lines(end.out);
  int faces = 0;
  for (std::string line; std::getline(lines, line); ++faces) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["box"].size(), 4u);
    EXPECT_EQ(json["landmarks"].size(), 5u);
    EXPECT_TRUE(json["probability"] >= 0 && json["probability"] <= 1);
  }
  EXPECT_THAT(end.err, HasSubstr(absl::StrCat("a.png: ", faces, " face")));
  const auto picture = DecodeImage("out.png", GetFile(folder + "/out.png"), 3);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->type().ToString(), "u8[3, 75, 101]");
  EXPECT_EQ(Detect(run, {"--image=" + folder + "/tiny.png"}).exit_code, 0);
  const ProgramEnd evaluated = Detect(run, {"--evaluate"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const auto json = nlohmann::json::parse(LastLine(evaluated.out));
  EXPECT_EQ(json["images"], 8);
  EXPECT_TRUE(json["average_precision"] >= 0 && json["average_precision"] <= 1);
}

// A detector that sees a face of 32 x 32 pixels with the logit `face` around the middle of every cell, whatever the
// image; and a data set of two images, each with a face where one of those is. The run's folder.
std::string TrainConstant(const std::string& folder, const std::string& face) {
  std::string csv = "image,left,top,right,bottom\n";
  for (const char* name : {"a.png", "b.png"}) {
    PutImage(absl::StrCat(folder, "/", name), 96, 96);
    absl::StrAppend(&csv, name, ",20,20,52,52\n");
  }
  PutFile(folder + "/faces.csv", csv);
  PutFile(folder + "/model.textproto", absl::StrCat(R"(
      input { name: "image" dims: [3, -1, -1] }
      input { name: "face_map" dims: [-1, -1] }
      defaults { conv { kernel: 1 stride: 8 weights_init { constant { value: 0 } } } }
      layer { name: "face_conv" input: "image" conv { filters: 1 bias_init { constant { value: )",
                                                    face, R"( } } } }
      layer { name: "face" transpose { permutation: [0, 2, 3, 1] } }
      layer { name: "box_conv" input: "image" conv { filters: 4 } }
      layer { name: "box" transpose { permutation: [0, 2, 3, 1] } }
      layer { name: "point_conv" input: "image" conv { filters: 10 } }
      layer { name: "points" transpose { permutation: [0, 2, 3, 1] } }
      loss { name: "class" input: "face" target: "face_map" binary_cross_entropy {} }
      param_group { match: ["box_conv/*", "point_conv/*"] freeze: true }
      output: ["face", "box", "points"])"));
  const std::string data = "{ annotated_images { path: \"faces.csv\" example: SCENE size: 96 } } ";
  PutFile(folder + "/train.textproto",
          absl::StrCat("model: \"model.textproto\" batch_size: 2 steps: 1 learning_rate: 1e-20 ",
                       "threads: 1 train_data ", data, "eval_data ", data));
  const ProgramEnd end = RunExample("train", {"--config=" + folder + "/train.textproto", "--data_dir=" + folder,
                                              "--run_dir=" + folder + "/run" + face});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  return folder + "/run" + face;
}

// Boxes that overlap too much leave 6 x 6 in an image, of which one is the face; all are equally likely.
TEST(FacesTest, ADetectorIsJudged) {
  const std::string folder = ScratchFolder();
  const std::string even = TrainConstant(folder, "0"), rare = TrainConstant(folder, "-5");
  ProgramEnd end = Detect(even, {"--evaluate", "--data_dir=" + folder, "--overlap=0.35"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("2 images with 2 faces, 2 of which are found with a probability of at least 0.5\n"));
  EXPECT_NEAR(nlohmann::json::parse(LastLine(end.out))["average_precision"].get<double>(), 1.0 / 36, 1e-9);
  // A probability of 0.0067 is not looked at, unless it is asked for.
  end = Detect(rare, {"--evaluate", "--data_dir=" + folder});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(nlohmann::json::parse(LastLine(end.out))["average_precision"], 0);
  end = Detect(rare, {"--evaluate", "--data_dir=" + folder, "--threshold=0.005"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr(" 2 of which are found with a probability of at least 0.005\n"));
}

// The first cell's face in the pixels of the file, in a picture of the file's size.
TEST(FacesTest, BoxesAreInTheFilesPixels) {
  const std::string folder = ScratchFolder(), run = TrainConstant(folder, "0");
  PutImage(folder + "/wide.png", 40, 80);
  const std::pair<const char*, const char*> rows[] = {
      {"1", "[-12.0,-12.0,20.0,20.0]"}, {"2", "[-6.0,-6.0,10.0,10.0]"}, {"0.5", "[-24.0,-24.0,40.0,40.0]"}};
  for (const auto& [scale, box] : rows) {
    const ProgramEnd end = Detect(
        run, {"--image=" + folder + "/wide.png", absl::StrCat("--scale=", scale), "--output=" + folder + "/out.png"});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    EXPECT_EQ(nlohmann::json::parse(end.out.substr(0, end.out.find('\n')))["box"].dump(), box) << scale;
    const auto picture = DecodeImage("out.png", GetFile(folder + "/out.png"), 3);
    ASSERT_TRUE(picture.ok()) << picture.status();
    EXPECT_EQ(picture->type().ToString(), "u8[3, 40, 80]");
  }
}

TEST(FacesTest, DetectorsMistakes) {
  const std::string folder = ScratchFolder(), run = TrainDrawn("detection", folder);
  const auto error = [&](std::vector<std::string> flags, int code) {
    const ProgramEnd end = Detect(run, std::move(flags));
    EXPECT_EQ(end.exit_code, code) << end.err;
    return end.err;
  };
  EXPECT_THAT(error({}, 2), HasSubstr("--image or --evaluate is missing"));
  EXPECT_THAT(error({"--image=a.png", "--evaluate"}, 2), HasSubstr("--image and --evaluate are both given"));
  EXPECT_THAT(error({"--evaluate", "--output=a.png"}, 2), HasSubstr("--output means nothing with --evaluate"));
  EXPECT_THAT(error({"--evaluate", "--scale=2"}, 2), HasSubstr("--scale means nothing with --evaluate"));
  EXPECT_THAT(error({"--image=a.png", "--threshold=2"}, 2), HasSubstr("--threshold is 2; it must be from 0 to 1"));
  EXPECT_THAT(error({"--image=a.png", "--scale=0"}, 2), HasSubstr("--scale is 0; it must be from 0.01 to 100"));
  EXPECT_THAT(error({"--image=" + folder + "/no.png"}, 1), HasSubstr("no.png': No such file or directory"));
  PutFile(folder + "/text.png", "text");
  EXPECT_THAT(error({"--image=" + folder + "/text.png"}, 1), HasSubstr("text.png: not a JPEG or PNG image"));
  PutImage(folder + "/a.png", 20, 20);
  EXPECT_THAT(error({"--image=" + folder + "/a.png", "--output=" + folder + "/no/a.png"}, 1), HasSubstr("/no/"));
  const ProgramEnd other = Detect(TrainDrawn("live", folder), {"--image=" + folder + "/a.png"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, HasSubstr("is it a detector?"));
}

TEST(FacesTest, ComparesTwoFaces) {
  const std::string folder = ScratchFolder(), run = TrainDrawn("similarity", folder);
  const std::string a = folder + "/a.png", b = folder + "/b.png";
  PutImage(a, 60, 50);
  PutImage(b, 48, 48);
  const auto compare = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--run_dir=" + run, "--threads=1"});
    return RunExample("compare_faces", flags);
  };
  const ProgramEnd end = compare({a, b});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  double score = 9;
  ASSERT_TRUE(absl::SimpleAtod(absl::StripSuffix(end.out, "\n"), &score)) << end.out;
  EXPECT_TRUE(score >= -1.0001 && score <= 1.0001);
  EXPECT_EQ(compare({"--box_a=10,10,40,50", a, b}).exit_code, 0);
  const ProgramEnd evaluated = compare({"--evaluate"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const auto json = nlohmann::json::parse(LastLine(evaluated.out));
  EXPECT_EQ(json["pairs"], 8);
  EXPECT_TRUE(json["equal_error_rate"] >= 0 && json["equal_error_rate"] <= 1);

  const auto error = [&](std::vector<std::string> flags, int code) {
    const ProgramEnd wrong = compare(std::move(flags));
    EXPECT_EQ(wrong.exit_code, code) << wrong.err;
    return wrong.err;
  };
  EXPECT_THAT(error({a}, 2), HasSubstr("two images are compared; there are 1"));
  EXPECT_THAT(error({"--evaluate", a}, 2), HasSubstr(a));
  EXPECT_THAT(error({"--evaluate", "--box_a=1,2,3,4"}, 2), HasSubstr("--box_a means nothing with --evaluate"));
  EXPECT_THAT(error({"--box_a=1,2,3", a, b}, 2),
              HasSubstr("--box_a is '1,2,3'; it is left,top,right,bottom in pixels, inside the image's 50 x 60"));
  EXPECT_THAT(error({"--box_b=0,0,49,48", a, b}, 2), HasSubstr("inside the image's 48 x 48"));
  EXPECT_THAT(error({a, folder + "/no.png"}, 1), HasSubstr("no.png': No such file or directory"));
}

// A score of a factor times how different two faces' pixels are. One person is black, the other white.
TEST(FacesTest, AComparerIsJudged) {
  const std::string folder = ScratchFolder();
  std::string csv = "image,identity\n";
  for (int i = 0; i < 8; ++i) {
    Tensor face(TensorType{DType::kUint8, {3, 48, 48}});
    std::fill_n(face.data(), face.bytes(), i % 2 == 0 ? 0 : 255);
    PutFile(absl::StrCat(folder, "/", i, ".png"), *EncodePng(face));
    absl::StrAppend(&csv, i, ".png,", i % 2 == 0 ? "ada" : "bob", "\n");
  }
  PutFile(folder + "/faces.csv", csv);
  const auto judge = [&folder](const std::string& factor, const std::string& second) {
    PutFile(folder + "/model.textproto", absl::StrCat(R"(
        input { name: "image" dims: [3, 48, 48] } input { name: "other" dims: [3, 48, 48] }
        input { name: "same" dtype: INT32 }
        layer { name: "apart" input: ["image", ")",
                                                      second, R"("] binary { function: SUBTRACT } }
        layer { name: "far" unary { function: SQUARE } }
        layer { name: "mean" reduce { function: MEAN axes: [1, 2, 3] } }
        layer { name: "row" reshape { dims: [1] } }
        layer { name: "score" dense { units: 1 bias: false weights_init { constant { value: )",
                                                      factor, R"( } } } }
        loss { name: "xent" input: "score" target: "same" binary_cross_entropy {} } output: "score")"));
    const std::string data = "{ annotated_images { path: \"faces.csv\" example: PAIR size: 48 } } ";
    PutFile(folder + "/train.textproto", absl::StrCat("model: \"model.textproto\" batch_size: 5 steps: 1 ",
                                                      "learning_rate: 1e-20 train_data ", data, "eval_data ", data));
    const std::string run = absl::StrCat(folder, "/run", factor, second);
    const ProgramEnd trained =
        RunExample("train", {"--config=" + folder + "/train.textproto", "--data_dir=" + folder, "--run_dir=" + run});
    EXPECT_EQ(trained.exit_code, 0) << trained.err;
    const ProgramEnd end =
        RunExample("compare_faces", {"--evaluate", "--run_dir=" + run, "--data_dir=" + folder, "--threads=1"});
    EXPECT_EQ(end.exit_code, 0) << end.err;
    return nlohmann::json::parse(LastLine(end.out));
  };
  const auto alike = judge("-1", "other"), apart = judge("1", "other"), blind = judge("1", "image");
  EXPECT_EQ(alike["pairs"], 16);
  EXPECT_EQ(alike["area_under_roc"], 1);
  EXPECT_EQ(alike["equal_error_rate"], 0);
  EXPECT_EQ(apart["area_under_roc"], 0);
  EXPECT_EQ(apart["equal_error_rate"], 1);
  EXPECT_EQ(blind["area_under_roc"], 0.5);
  EXPECT_EQ(blind["equal_error_rate"], 0.5);
}

// The four tasks learn from photographs and a CSV file with no change but that of the data set.
TEST(FacesTest, TrainOnAFolderOfImages) {
  const std::string folder = ScratchFolder();
  std::string csv =
      "image,left,top,right,bottom,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,"
      "left_mouth_y,right_mouth_x,right_mouth_y,live,identity\n";
  for (int i = 0; i < 8; ++i) {
    PutImage(absl::StrCat(folder, "/", i, ".png"), 70 + i, 90);
    absl::StrAppend(&csv, i, ".png,20,10,60,60,30,25,50,25,40,40,32,50,48,50,", i % 2, ",person", i % 3, "\n");
  }
  PutFile(folder + "/faces.csv", csv);
  const auto train = [&](const std::string& task, const std::string& kind) {
    std::vector<std::string> flags = {"--data_dir=" + folder};
    for (const char* stream : {"train_data", "eval_data"}) {
      flags.push_back(absl::StrCat("--set=", stream, "={annotated_images {path: \"faces.csv\" example: ", kind, "}}"));
    }
    return Train(task, folder, flags);
  };
  train("live", "FACE");
  train("landmarks", "FACE");
  const std::string detector = train("detection", "SCENE");
  EXPECT_EQ(Detect(detector, {"--evaluate", "--data_dir=" + folder}).exit_code, 0);
  const std::string comparer = train("similarity", "PAIR");
  const ProgramEnd end = RunExample("compare_faces", {"--run_dir=" + comparer, "--evaluate", "--data_dir=" + folder});
  EXPECT_EQ(end.exit_code, 0) << end.err;
}

}  // namespace
}  // namespace gradus
