// The data set gradus.Idx as a user of the registry sees it.
#include <gtest/gtest.h>
#include <unistd.h>

#include "data/dataset_registry.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"
#include "tests/data/idx_testing.h"

namespace gradus {
namespace {

absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& text, const std::string& data_dir) {
  Idx config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return OpenDataset(config, {data_dir});
}

std::string ErrorOf(const std::string& text, const std::string& data_dir) {
  const auto dataset = Open(text, data_dir);
  return dataset.ok() ? "no error" : std::string(dataset.status().message());
}

TEST(IdxTest, YieldsFloatsAndLabels) {
  const std::string folder = TestFolder();
  Write(folder, "a", IdxImages(3));
  Write(folder, "b", Gzip(IdxLabels(3)));
  const auto dataset = Open("images: 'a' labels: 'b' classes: 10", folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->size(), 3);
  ASSERT_EQ((*dataset)->columns().size(), 2);
  EXPECT_EQ((*dataset)->columns()[0].name, "image");
  EXPECT_EQ((*dataset)->columns()[0].type.ToString(), "f32[1, 2, 3]");
  EXPECT_EQ((*dataset)->columns()[1].name, "label");
  EXPECT_EQ((*dataset)->columns()[1].type.ToString(), "i32[]");
  float image[6];
  int32_t label;
  uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(image), reinterpret_cast<uint8_t*>(&label)};
  ASSERT_TRUE((*dataset)->Read(2, columns).ok());
  for (int j = 0; j < 6; ++j) EXPECT_EQ(image[j], static_cast<float>(20 + j) / 255);
  EXPECT_EQ(label, 2);
}

TEST(IdxTest, FindsUsualNames) {
  for (const std::string spelling : {"-idx", ".idx"}) {
    for (const std::string ending : {"", ".gz"}) {
      const std::string folder = TestFolder();
      const auto content = [&](const std::string& bytes) { return ending.empty() ? bytes : Gzip(bytes); };
      Write(folder, "train-images" + spelling + "3-ubyte" + ending, content(IdxImages(5)));
      Write(folder, "train-labels" + spelling + "1-ubyte" + ending, content(IdxLabels(5)));
      Write(folder, "t10k-images" + spelling + "3-ubyte" + ending, content(IdxImages(2)));
      Write(folder, "t10k-labels" + spelling + "1-ubyte" + ending, content(IdxLabels(2)));
      const auto train = Open("", folder);
      ASSERT_TRUE(train.ok()) << train.status();
      EXPECT_EQ((*train)->size(), 5);
      const auto test = Open("split: TEST", folder);
      ASSERT_TRUE(test.ok()) << test.status();
      EXPECT_EQ((*test)->size(), 2);
    }
  }
}

TEST(IdxTest, SaysWhatToDoWithoutFiles) {
  const std::string folder = TestFolder();
  EXPECT_EQ(ErrorOf("path: 'mnist'", folder),
            folder +
                "/mnist: no such folder; put MNIST's four files there or name yours (idx { path: images: labels: }), "
                "or use synthetic_digits {}, which needs no files");
  EXPECT_EQ(ErrorOf("split: TEST", folder),
            folder +
                ": none of t10k-images-idx3-ubyte, t10k-images-idx3-ubyte.gz, t10k-images.idx3-ubyte, "
                "t10k-images.idx3-ubyte.gz; put MNIST's four files there or name yours (idx { path: images: labels: "
                "}), or use synthetic_digits {}, which needs no files");
  EXPECT_EQ(ErrorOf("images: 'a'", folder), "idx: give both `images` and `labels`, or neither for MNIST's usual names");
}

TEST(IdxTest, RefusesFilesThatDoNotBelongTogether) {
  const std::string folder = TestFolder();
  Write(folder, "a", IdxImages(3));
  Write(folder, "b", IdxLabels(4));
  Write(folder, "c", IdxBytes(0x801, {3}, std::string("\x00\x05\x07", 3)));
  EXPECT_EQ(ErrorOf("images: 'a' labels: 'b'", folder),
            folder + "/a has 3 images, but " + folder + "/b has 4 labels; do both belong to the same data set?");
  EXPECT_EQ(ErrorOf("images: 'a' labels: 'c' classes: 6", folder),
            folder + "/c: example 2 has label 7, but `classes: 6` allows 0 to 5");
  EXPECT_EQ(ErrorOf("images: 'a' labels: 'c' classes: 0", folder), "idx: classes 0 is not positive");
}

TEST(IdxTest, AFileThatShrinksWhileItIsReadIsAnError) {
  const std::string folder = TestFolder();
  const std::string path = Write(folder, "a", IdxImages(3));
  Write(folder, "b", IdxLabels(3));
  const auto dataset = Open("images: 'a' labels: 'b'", folder);
  ASSERT_TRUE(dataset.ok());
  ASSERT_EQ(truncate(path.c_str(), 20), 0);
  std::vector<uint8_t> image(24), label(4);
  uint8_t* const columns[] = {image.data(), label.data()};
  EXPECT_FALSE((*dataset)->Read(2, columns).ok());
}

}  // namespace
}  // namespace gradus
