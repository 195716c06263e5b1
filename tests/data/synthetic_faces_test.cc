// The data set gradus.SyntheticFaces as a user of the registry sees it, and what is drawn where.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "data/dataset_registry.h"
#include "data/face_columns.h"
#include "data/face_person.h"
#include "data/face_portrait.h"
#include "data/loader.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& text) {
  SyntheticFaces config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return OpenDataset(config, {});
}

// An example's columns by name.
class Example {
 public:
  Example(const Dataset& dataset, int64_t index) : columns_(dataset.columns()) {
    std::vector<uint8_t*> pointers;
    for (const Column& column : columns_) values_.emplace_back(column.type);
    for (Tensor& value : values_) {
      std::memset(value.data(), 0xff, value.bytes());  // what was there before must not count
      pointers.push_back(value.data());
    }
    EXPECT_TRUE(dataset.Read(index, pointers).ok());
  }

  const Tensor& operator[](const std::string& name) const {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name == name) return values_[i];
    }
    ADD_FAILURE() << "no column " << name;
    return values_[0];
  }
  std::string Bytes() const {
    std::string bytes;
    for (const Tensor& value : values_) bytes.append(reinterpret_cast<const char*>(value.data()), value.bytes());
    return bytes;
  }

 private:
  std::vector<Column> columns_;
  std::vector<Tensor> values_;
};

TEST(SyntheticFacesTest, IsAFunctionOfSeedSplitKindAndIndex) {
  for (const std::string kind : {"FACE", "SCENE", "PAIR"}) {
    const auto a = Open("seed: 1 example: " + kind), b = Open("seed: 1 examples: 50 example: " + kind);
    const auto other_seed = Open("seed: 2 example: " + kind), test = Open("seed: 1 split: TEST example: " + kind);
    ASSERT_TRUE(a.ok() && b.ok() && other_seed.ok() && test.ok());
    EXPECT_EQ((*a)->size(), 20000);
    EXPECT_EQ((*b)->size(), 50);
    EXPECT_EQ((*test)->size(), 2000);
    for (int64_t i : {17, 3}) {
      EXPECT_TRUE(Example(**a, i).Bytes() == Example(**b, i).Bytes());
      EXPECT_FALSE(Example(**a, i).Bytes() == Example(**other_seed, i).Bytes());
      EXPECT_FALSE(Example(**a, i).Bytes() == Example(**test, i).Bytes());
      EXPECT_FALSE(Example(**a, i).Bytes() == Example(**a, i + 2).Bytes());
    }
  }
}

TEST(SyntheticFacesTest, ThreadsChangeNoByte) {
  std::vector<std::string> bytes;
  for (int threads : {0, 1, 3}) {
    LoaderOptions options;
    options.batch_size = 8;
    options.shuffle = true;
    options.threads = threads;
    auto dataset = Open("example: SCENE examples: 32 size: 48");
    ASSERT_TRUE(dataset.ok());
    const auto loader = Loader::Make(*std::move(dataset), options);
    ASSERT_TRUE(loader.ok());
    std::string all;
    for (int i = 0; i < 4; ++i) {
      const auto batch = (*loader)->Next();
      ASSERT_TRUE(batch.ok());
      for (const Tensor& column : (*batch)->columns) {
        all.append(reinterpret_cast<const char*>(column.data()), column.bytes());
      }
    }
    bytes.push_back(all);
  }
  EXPECT_TRUE(bytes[0] == bytes[1] && bytes[0] == bytes[2]);
}

TEST(SyntheticFacesTest, FacesAreBalancedAndTheirLandmarksInTheImage) {
  const auto dataset = Open("size: 40");
  ASSERT_TRUE(dataset.ok());
  int live = 0;
  for (int64_t i = 0; i < 200; ++i) {
    const Example example(**dataset, i);
    EXPECT_EQ(example["image"].type().ToString(), "f32[3, 40, 40]");
    for (float value : example["image"].values<float>()) {
      ASSERT_TRUE(value >= 0 && value <= 1 && value == static_cast<float>(std::lround(value * 255)) / 255);
    }
    const absl::Span<const float> p = example["landmarks"].values<float>();
    for (float value : p) EXPECT_LT(std::abs(value), 0.95f);
    EXPECT_LT(p[0], p[2]);  // the left eye is left of the right one, and the corners of the mouth so
    EXPECT_LT(p[6], p[8]);
    EXPECT_LT(std::max(p[1], p[3]), std::max(p[7], p[9]));  // the eyes are above the mouth
    live += example["live"].values<int32_t>()[0];
    EXPECT_EQ(example["has_landmarks"].values<float>()[0], 1);
    EXPECT_EQ(example["has_live"].values<float>()[0], 1);
    const int32_t identity = example["identity"].values<int32_t>()[0];
    EXPECT_TRUE(identity >= 0 && identity < 2000);
  }
  EXPECT_EQ(live, 100);
}

TEST(SyntheticFacesTest, EveryFaceOfASceneHasCellsAndTheySayWhereItIs) {
  const auto dataset = Open("example: SCENE size: 96 stride: 8");
  ASSERT_TRUE(dataset.ok());
  int faces = 0, empty = 0;
  for (int64_t i = 0; i < 60; ++i) {
    const Example example(**dataset, i);
    const absl::Span<const float> boxes = example["boxes"].values<float>(), map = example["box_map"].values<float>();
    const absl::Span<const float> face = example["face_map"].values<float>();
    const absl::Span<const float> weight = example["face_weight"].values<float>();
    const absl::Span<const float> points = example["point_map"].values<float>();
    std::vector<Extent> truth;
    for (int k = 0; k < kMostFaces && boxes[4 * k + 2] > 0; ++k) {
      truth.push_back({boxes[4 * k], boxes[4 * k + 1], boxes[4 * k + 2], boxes[4 * k + 3]});
      EXPECT_TRUE(truth.back().left >= 0 && truth.back().top >= 0);
      EXPECT_TRUE(truth.back().right <= 96 && truth.back().bottom <= 96);
    }
    std::vector<int> cells(truth.size());
    for (int cell = 0; cell < 144; ++cell) {
      if (face[cell] == 0) continue;
      EXPECT_EQ(weight[cell], 1);
      const float x = (static_cast<float>(cell % 12) + 0.5f) * 8, y = (static_cast<float>(cell / 12) + 0.5f) * 8;
      const float middle_x = x + 32 * map[4 * cell], middle_y = y + 32 * map[4 * cell + 1];
      const float width = 32 * std::exp(map[4 * cell + 2]), height = 32 * std::exp(map[4 * cell + 3]);
      const Extent box = {middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2};
      int found = 0;
      for (size_t k = 0; k < truth.size(); ++k) {
        if (IntersectionOverUnion(box, truth[k]) < 0.99) continue;
        ++cells[k];
        ++found;
      }
      EXPECT_EQ(found, 1);
      for (int k = 0; k < kLandmarks; ++k) {
        const float px = x + 32 * points[10 * cell + 2 * k], py = y + 32 * points[10 * cell + 2 * k + 1];
        EXPECT_TRUE(px > box.left && px < box.right && py > box.top && py < box.bottom);
      }
    }
    for (int count : cells) EXPECT_GE(count, 1);
    faces += static_cast<int>(truth.size());
    if (truth.empty()) ++empty;
  }
  EXPECT_GT(faces, 60);
  EXPECT_GT(empty, 3);  // there are scenes without a face
}

// Two people, the one with a much darker skin: their pictures differ in the middle, in spite of light and pose.
TEST(SyntheticFacesTest, EverySecondPairIsOnePerson) {
  const auto skin = [](uint64_t seed, uint64_t person) {
    return MakePerson(seed, "synthetic_faces/train/person", person).skin.g;
  };
  uint64_t seed = 0;
  for (uint64_t other = 1; other < 100; ++other) {
    if (std::abs(skin(other, 0) - skin(other, 1)) > std::abs(skin(seed, 0) - skin(seed, 1))) seed = other;
  }
  const auto dataset = Open("example: PAIR identities: 2 seed: " + std::to_string(seed));
  ASSERT_TRUE(dataset.ok());
  const auto middle = [](const Tensor& image) {
    double sum = 0;
    for (int i = 0; i < 48 * 48; ++i) {
      const bool inside = i % 48 >= 16 && i % 48 < 32 && i / 48 >= 16 && i / 48 < 32;
      if (inside) sum += image.values<float>()[48 * 48 + i];
    }
    return sum / (16 * 16);
  };
  double difference[2] = {0, 0};
  for (int64_t i = 0; i < 60; ++i) {
    const Example example(**dataset, i);
    EXPECT_EQ(example["same"].values<int32_t>()[0], i % 2);
    EXPECT_NE(std::memcmp(example["image"].data(), example["other"].data(), example["image"].bytes()), 0);
    difference[i % 2] += std::abs(middle(example["image"]) - middle(example["other"])) / 30;
  }
  EXPECT_GT(difference[0], 2 * difference[1]) << difference[0] << " " << difference[1];
}

TEST(SyntheticFacesTest, NamesWhatIsWrong) {
  EXPECT_EQ(Open("examples: 0").status().message(), "synthetic_faces: examples 0 is not between 1 and 2^40");
  EXPECT_EQ(Open("identities: 1").status().message(), "synthetic_faces: identities 1 is not between 2 and 2^31 - 1");
  EXPECT_EQ(Open("size: 8").status().message(), "synthetic_faces: size 8 is not between 16 and 1024");
  EXPECT_EQ(Open("example: SCENE size: 100").status().message(),
            "synthetic_faces: size 100 is not a multiple of stride 8");
  EXPECT_EQ(Open("example: SCENE stride: 0").status().message(), "synthetic_faces: stride 0 is not between 1 and 64");
}

// A large picture of a face from the front in flat light: the colours at its landmarks are those of the features.
TEST(FacePortraitTest, LandmarksAreWhereTheFeaturesAre) {
  constexpr int kSide = 400;
  for (uint64_t number = 0; number < 20; ++number) {
    Person person = MakePerson(7, "test", number);
    person.glasses = person.moustache = person.beard = person.mole_size = 0;
    person.hairline = -0.8f;
    person.hair_side = person.hair_slant = 0;
    RandomSequence random(7, "shot", number);
    Shot shot = RandomShot(&random, {kSide / 2, kSide / 2}, 130);
    shot.light_strength = shot.gaze = shot.mouth_open = 0;
    shot.ambient = shot.eyes_open = 1;
    std::vector<float> pixels(3 * kSide * kSide);
    Canvas canvas(kSide, kSide, pixels.data());
    DrawPortrait(person, shot, &canvas);
    const Face face = FaceOf(person, shot);
    const auto at = [&](float x, float y) {
      const int pixel = static_cast<int>(y) * kSide + static_cast<int>(x);
      return Rgb{pixels[pixel], pixels[kSide * kSide + pixel], pixels[2 * kSide * kSide + pixel]};
    };
    const auto far = [](const Rgb& a, const Rgb& b) {
      return std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b);
    };
    for (int eye : {0, 1}) EXPECT_LT(at(face.landmarks[eye].x, face.landmarks[eye].y).r, 0.1f) << number;  // the pupil
    const Point2 left = face.landmarks[3], right = face.landmarks[4];
    const Point2 across = {right.x - left.x, right.y - left.y};
    const Rgb skin = person.skin;
    EXPECT_LT(far(at(left.x - 0.16f * across.x, left.y - 0.16f * across.y), skin), 0.02f) << number;
    EXPECT_LT(far(at(right.x + 0.16f * across.x, right.y + 0.16f * across.y), skin), 0.02f) << number;
    EXPECT_GT(far(at(left.x + 0.06f * across.x, left.y + 0.06f * across.y), skin), 0.05f) << number;
    EXPECT_GT(far(at(right.x - 0.06f * across.x, right.y - 0.06f * across.y), skin), 0.05f) << number;
    EXPECT_LT(far(at(face.landmarks[2].x, face.landmarks[2].y), skin * 1.13f), 0.05f) << number;
    for (const Point2& p : face.landmarks) {
      EXPECT_TRUE(p.x > face.box.left && p.x < face.box.right && p.y > face.box.top && p.y < face.box.bottom);
    }
  }
}

TEST(IntersectionOverUnionTest, IsOfAreas) {
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({0, 0, 2, 2}, {1, 0, 3, 2}), 1.0 / 3);
  EXPECT_EQ(IntersectionOverUnion({0, 0, 1, 1}, {2, 2, 3, 3}), 0);
  EXPECT_EQ(IntersectionOverUnion({0, 0, 0, 0}, {0, 0, 0, 0}), 0);
  EXPECT_EQ(IntersectionOverUnion({1, 1, 4, 4}, {1, 1, 4, 4}), 1);
}

}  // namespace
}  // namespace gradus
