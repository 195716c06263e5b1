// The data set gradus.AnnotatedImages: photographs and a CSV file.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/dataset_registry.h"
#include "data/face_columns.h"
#include "data/loader.h"
#include "data/png.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/data.pb.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

constexpr char kBoxNames[] = "image,left,top,right,bottom";
constexpr char kPointNames[] =
    "left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,left_mouth_y,right_mouth_x,right_mouth_y";

void PutGrey(const std::string& path, uint8_t grey) {
  Tensor image(TensorType{DType::kUint8, {3, 20, 20}});
  std::memset(image.data(), grey, image.bytes());
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok());
  PutFile(path, *png);
}

// The grey of a column of pixels.
int GreyOf(const Tensor& image) { return static_cast<int>(std::lround(255 * image.values<float>()[0])); }

// Black but for a white rectangle.
void PutPng(const std::string& path, int64_t height, int64_t width, const Extent& white) {
  Tensor image(TensorType{DType::kUint8, {3, height, width}});
  for (int64_t i = 0; i < image.shape().num_elements(); ++i) {
    const auto x = static_cast<float>(i % width), y = static_cast<float>(i / width % height);
    if (x >= white.left && x < white.right && y >= white.top && y < white.bottom) image.data()[i] = 255;
  }
  const auto png = EncodePng(image);
  ASSERT_TRUE(png.ok());
  PutFile(path, *png);
}

class AnnotatedImagesTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& csv, const std::string& text) {
    PutFile(folder_ + "/faces.csv", csv);
    AnnotatedImages config;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("path: 'faces.csv' " + text, &config));
    return OpenDataset(config, {folder_});
  }
  std::string Mistake(const std::string& csv, const std::string& text = "") {
    std::string message(Open(csv, text).status().message());
    for (size_t at; (at = message.find(folder_ + "/")) != std::string::npos;) message.erase(at, folder_.size() + 1);
    return message;
  }
  std::vector<Tensor> Read(const Dataset& dataset, int64_t index) {
    std::vector<Tensor> values;
    std::vector<uint8_t*> pointers;
    for (const Column& column : dataset.columns()) values.emplace_back(column.type);
    for (Tensor& value : values) pointers.push_back(value.data());
    const absl::Status status = dataset.Read(index, pointers);
    EXPECT_TRUE(status.ok()) << status;
    return values;
  }

  const std::string folder_ = ScratchFolder();
};

// A box of 20 x 16 around (30, 28): cut out are the 24 x 24 pixels from (18, 16) on, here in 48 x 48.
TEST_F(AnnotatedImagesTest, CutsFacesOutAndMovesTheirLandmarks) {
  PutPng(folder_ + "/a.png", 60, 80, {20, 20, 40, 36});
  const auto dataset =
      Open(std::string(kBoxNames) + "," + kPointNames + ",live,identity\n" +
               "a.png,20,20,40,36,18,16,42,40,30,28,18,40,42,16,1,Ada\n" + "a.png,20,20,40,36,,,,,,,,,,,,\n",
           "size: 48");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ((*dataset)->size(), 2);
  const std::vector<Tensor> face = Read(**dataset, 0);
  EXPECT_EQ(face[0].type().ToString(), "f32[3, 48, 48]");
  const auto pixel = [&](int x, int y) { return face[0].values<float>()[y * 48 + x]; };
  EXPECT_EQ(pixel(24, 24), 1);  // the white rectangle goes from (4, 8) to (44, 40)
  EXPECT_EQ(pixel(6, 10), 1);
  EXPECT_EQ(pixel(1, 24), 0);
  EXPECT_EQ(pixel(24, 5), 0);
  EXPECT_EQ(pixel(41, 37), 1);
  EXPECT_EQ(pixel(46, 42), 0);
  const float wanted[] = {-1, -1, 1, 1, 0, 0, -1, 1, 1, -1};
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(face[1].values<float>()[i], wanted[i], 1e-6);
  EXPECT_EQ(face[2].values<float>()[0], 1);
  EXPECT_EQ(face[3].values<int32_t>()[0], 1);
  EXPECT_EQ(face[4].values<float>()[0], 1);
  EXPECT_EQ(face[5].values<int32_t>()[0], 0);
  const std::vector<Tensor> unknown = Read(**dataset, 1);
  EXPECT_EQ(unknown[2].values<float>()[0], 0);
  EXPECT_EQ(unknown[4].values<float>()[0], 0);
  EXPECT_EQ(unknown[5].values<int32_t>()[0], -1);
}

TEST_F(AnnotatedImagesTest, AFaceAtTheEdgeHasZerosBesideIt) {
  PutPng(folder_ + "/a.png", 20, 20, {0, 0, 20, 20});
  const auto dataset = Open(std::string(kBoxNames) + "\na.png,0,0,20,20\n", "size: 24");
  ASSERT_TRUE(dataset.ok());
  const std::vector<Tensor> face = Read(**dataset, 0);
  EXPECT_EQ(face[0].values<float>()[0], 0);
  EXPECT_EQ(face[0].values<float>()[12 * 24 + 12], 1);
  EXPECT_EQ(face[0].values<float>()[12 * 24 + 23], 0);
}

// A wide image is scaled by a half: the box from (40, 20) to (72, 52) becomes (20, 10) to (36, 26).
TEST_F(AnnotatedImagesTest, ScenesHaveTheBoxesOfTheirImage) {
  PutPng(folder_ + "/a.png", 60, 96, {40, 20, 72, 52});
  PutPng(folder_ + "/none.png", 60, 96, {0, 0, 0, 0});
  const auto dataset =
      Open(std::string(kBoxNames) + "\na.png,40,20,72,52\nnone.png,,,,\na.png,0,0,20,20\n", "example: SCENE size: 48");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ((*dataset)->size(), 2);
  const std::vector<Tensor> scene = Read(**dataset, 0), none = Read(**dataset, 1);
  const float wanted[] = {20, 10, 36, 26, 0, 0, 10, 10, 0};
  for (int i = 0; i < 9; ++i) EXPECT_FLOAT_EQ(scene[6].values<float>()[i], wanted[i]);
  EXPECT_EQ(scene[1].values<float>()[2 * 6 + 3], 1);  // the cell with the middle (28, 18)
  EXPECT_EQ(scene[5].values<float>()[2 * 6 + 3], 0);  // landmarks are not known
  EXPECT_EQ(scene[0].values<float>()[18 * 48 + 28], 1);
  EXPECT_EQ(scene[0].values<float>()[40 * 48 + 28], 0);  // below the image
  for (float value : none[1].values<float>()) EXPECT_EQ(value, 0);
}

// Small faces, whose middles lie 2 pixels above and left of the image and 2 pixels in it.
TEST_F(AnnotatedImagesTest, NoCellIsNearestToAFaceWhoseMiddleIsOutside) {
  PutPng(folder_ + "/out.png", 48, 48, {0, 0, 1, 1});
  PutPng(folder_ + "/in.png", 48, 48, {0, 0, 1, 1});
  const auto dataset =
      Open(std::string(kBoxNames) + "\nout.png,-5,-5,1,1\nin.png,-1,-1,5,5\n", "example: SCENE size: 48");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(Read(**dataset, 0)[1].values<float>()[0], 0);
  EXPECT_EQ(Read(**dataset, 1)[1].values<float>()[0], 1);
}

TEST_F(AnnotatedImagesTest, PairsAreOfPeopleWithTwoFaces) {
  for (uint8_t i = 0; i < 4; ++i) PutGrey(folder_ + "/" + "abcd"[i] + ".png", 10 * (i + 1));
  const auto dataset = Open("image,identity\na.png,Ada\nb.png,Bob\nc.png,Ada\nd.png,\n", "example: PAIR size: 16");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ((*dataset)->size(), 4);
  const int pairs[][2] = {{10, 20}, {10, 30}, {30, 20}, {30, 10}};  // Ada and Bob, Ada and Ada, and again
  for (int64_t i = 0; i < 4; ++i) {
    const std::vector<Tensor> pair = Read(**dataset, i);
    EXPECT_EQ(GreyOf(pair[0]), pairs[i][0]);
    EXPECT_EQ(GreyOf(pair[1]), pairs[i][1]);
    EXPECT_EQ(pair[2].values<int32_t>()[0], i % 2);
  }
}

// Ada has 30 faces of the greys 1 to 30, Bob one of 101, Cy one of 102; the file has them mixed.
TEST_F(AnnotatedImagesTest, PartnersAreDrawnWithoutPreference) {
  std::string csv = "image,identity\n";
  const auto add = [&](int grey, const std::string& who) {
    PutGrey(folder_ + "/" + std::to_string(grey) + ".png", static_cast<uint8_t>(grey));
    csv += std::to_string(grey) + ".png," + who + "\n";
  };
  for (int i = 1; i <= 15; ++i) add(i, "Ada");
  add(101, "Bob");
  for (int i = 16; i <= 30; ++i) add(i, "Ada");
  add(102, "Cy");
  int bob = 0, next = 0, all = 0;
  for (int seed = 0; seed < 4; ++seed) {
    const auto dataset = Open(csv, "example: PAIR size: 16 seed: " + std::to_string(seed));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    ASSERT_EQ((*dataset)->size(), 60);
    for (int64_t i = 0; i < 60; ++i, ++all) {
      const std::vector<Tensor> pair = Read(**dataset, i);
      const int one = GreyOf(pair[0]), other = GreyOf(pair[1]);
      EXPECT_EQ(one, i / 2 + 1);
      if (i % 2 == 0) {
        EXPECT_TRUE(other == 101 || other == 102) << other;
        bob += other == 101;
      } else {
        EXPECT_TRUE(other >= 1 && other <= 30 && other != one) << other;
        next += other == one % 30 + 1;
      }
    }
  }
  EXPECT_GT(bob, 40);  // of 120, where 60 are expected
  EXPECT_LT(bob, 80);
  EXPECT_LT(next, 14);  // of 120, where 4 are expected
}

TEST_F(AnnotatedImagesTest, ADamagedImageIsLeftOut) {
  std::string csv = "image,live\n";
  for (int i = 0; i < 150; ++i) {
    PutPng(folder_ + "/" + std::to_string(i) + ".png", 20, 20, {0, 0, 9, 9});
    csv += std::to_string(i) + ".png,1\n";
  }
  PutFile(folder_ + "/7.png", "GIF89a");
  auto dataset = Open(csv, "size: 16");
  ASSERT_TRUE(dataset.ok());
  LoaderOptions options;
  options.batch_size = 10;
  options.remainder = Remainder::kPad;
  const auto loader = Loader::Make(*std::move(dataset), options);
  ASSERT_TRUE(loader.ok()) << loader.status();
  const auto batch = (*loader)->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ((*batch)->skipped.size(), 1u);
  EXPECT_EQ((*batch)->skipped[0].message, "7.png: not a JPEG or PNG image: it looks like a GIF file");
  EXPECT_EQ((*batch)->weights.values<float>()[7], 0);
}

TEST_F(AnnotatedImagesTest, ABoxBesideItsImageIsADamagedExample) {
  PutPng(folder_ + "/a.png", 20, 30, {0, 0, 9, 9});
  const std::string boxes[] = {"30,0,40,10", "-9,0,0,10", "0,20,10,30", "0,-9,10,0"};
  const std::string places[] = {"(30, 0) to (40, 10)", "(-9, 0) to (0, 10)", "(0, 20) to (10, 30)",
                                "(0, -9) to (10, 0)"};
  for (int i = 0; i < 4; ++i) {
    for (const char* kind : {"FACE", "SCENE"}) {
      const auto dataset =
          Open(std::string(kBoxNames) + "\na.png," + boxes[i] + "\n", std::string("size: 16 example: ") + kind);
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      std::vector<Tensor> values;
      std::vector<uint8_t*> pointers;
      for (const Column& column : (*dataset)->columns()) values.emplace_back(column.type);
      for (Tensor& value : values) pointers.push_back(value.data());
      EXPECT_EQ((*dataset)->Read(0, pointers).message(),
                "a.png: the box from " + places[i] + " is beside the image of 30 x 20 pixels");
    }
  }
}

TEST_F(AnnotatedImagesTest, SaysWhatIsWrong) {
  const std::string box = kBoxNames, points = kPointNames;
  EXPECT_EQ(Mistake("imgae,left\n"), "faces.csv:1:1: there is no column 'imgae'; did you mean 'image'?");
  EXPECT_EQ(Mistake("image,left,top,right\na.png,1,2,3\n"),
            "faces.csv:1:1: there is no column 'bottom', but others of a box");
  EXPECT_EQ(Mistake("image,image\na.png,b.png\n"), "faces.csv:1:7: column 'image' is there twice");
  EXPECT_EQ(Mistake("live\n1\n"), "faces.csv:1:1: there is no column 'image'");
  EXPECT_EQ(Mistake("image\n"), "faces.csv:1:1: there is no line behind that of the names");
  EXPECT_EQ(Mistake(box + "\na.png,1,2,x,4\nb.png,5,5,2,9\nc.png,1,,3,4\n"),
            "faces.csv:2:11: right is 'x', which is no number\n"
            "faces.csv:3:7: the box from (5, 5) to (2, 9) is empty: left < right and top < bottom\n"
            "faces.csv:4:9: top is empty, but other numbers of the box are given");
  EXPECT_EQ(Mistake(box + "\na.png,0.2,0.25,0.5,0.75\nb.png,5,5,9,5.5\nc.png,5,5,6,6\nd.png,2e6,5,3e6,9\n"),
            "faces.csv:2:7: the box from (0.2, 0.25) to (0.5, 0.75) is smaller than a pixel; coordinates are in pixels "
            "of the image, not in shares of its sides\n"
            "faces.csv:3:7: the box from (5, 5) to (9, 5.5) is smaller than a pixel; coordinates are in pixels of the "
            "image, not in shares of its sides\n"
            "faces.csv:5:7: the box is far from any image");
  EXPECT_EQ(Mistake("image," + points + "\na.png,1,2,3,4,5,6,7,8,9,2e6\nb.png,1,2,3,4,5,6,7,8,9,x\n"),
            "faces.csv:2:7: a landmark is far from any image\n"
            "faces.csv:3:25: right_mouth_y is 'x', which is no number");
  EXPECT_EQ(Mistake("image,live\na.png,yes\n"), "faces.csv:2:7: live is 'yes'; it is 1, 0 or empty");
  EXPECT_EQ(Mistake("image,live\n,1\n"), "faces.csv:2:1: image is empty");
  EXPECT_EQ(Mistake("image\na.png\na.png\n"),
            "faces.csv:3:1: image 'a.png' is there twice, and no column says which face");
  EXPECT_EQ(Mistake("image\na.png\n", "example: SCENE"),
            "faces.csv: a SCENE needs the columns left, top, right and bottom");
  EXPECT_EQ(Mistake("image,identity\na.png,Ada\nb.png,Bob\n", "example: PAIR"),
            "faces.csv: no pairs: they need the column identity, two people, and two faces of one of them");
  std::string crowd = box + "\nb.png,1,2,3,4\n";
  for (int i = 0; i < 17; ++i) crowd += "a.png,1,2,30,40\n";
  EXPECT_EQ(Mistake(crowd, "example: SCENE"), "faces.csv:19:1: image 'a.png' has more than 16 faces");
  EXPECT_EQ(Mistake(crowd), "");
  EXPECT_EQ(Mistake(box + "\na.png,,,,\n"), "faces.csv: no line has a face");
  EXPECT_EQ(Mistake("image\na.png\n", "size: 2000"), "annotated_images: size 2000 is not between 16 and 1024");
}

TEST(AnnotatedImages, NeedsAFile) {
  EXPECT_EQ(OpenDataset(AnnotatedImages(), {}).status().message(), "annotated_images: path is missing: the CSV file");
  AnnotatedImages config;
  config.set_path("nowhere.csv");
  EXPECT_EQ(OpenDataset(config, {"/tmp"}).status().message(),
            "cannot open '/tmp/nowhere.csv': No such file or directory");
}

}  // namespace
}  // namespace gradus
