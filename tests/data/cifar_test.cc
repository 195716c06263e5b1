#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/stream.h"
#include "google/protobuf/text_format.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

// A record: its labels, then pixels that count up from `first`.
std::string Record(const std::string& labels, int first) {
  std::string record = labels;
  for (int i = 0; i < 3072; ++i) record.push_back(static_cast<char>(first + i));
  return record;
}

std::string Byte(int value) { return std::string(1, static_cast<char>(value)); }

class CifarTest : public testing::Test {
 protected:
  void SetUp() override { folder_ = ScratchFolder(); }

  absl::StatusOr<ExampleSource> Open(const std::string& text) {
    DataStream stream;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &stream));
    return OpenStream(stream, {folder_, {}}, TransformMode::kTrain);
  }

  std::string ErrorOf(const std::string& text) {
    const auto source = Open(text);
    if (source.ok()) return "no error";
    std::string message(source.status().message());
    for (size_t at; (at = message.find(folder_)) != std::string::npos;) message.replace(at, folder_.size(), "DIR");
    return message;
  }

  void PutTraining(const std::string& folder) {
    for (int file = 1; file <= 5; ++file) {
      PutFile(absl::StrCat(folder, "/data_batch_", file, ".bin"),
              Record(Byte(file), file) + Record(Byte(file + 1), file + 100));
    }
  }

  std::string folder_;
};

TEST_F(CifarTest, ReadsTheFilesInOrder) {
  std::filesystem::create_directories(folder_ + "/cifar-10-batches-bin");
  PutTraining(folder_ + "/cifar-10-batches-bin");  // found from the folder above
  PutFile(folder_ + "/cifar-10-batches-bin/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  const auto source = Open("cifar10 {}");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->size(), 10);
  EXPECT_EQ(source->columns()[0].type.ToString(), "f32[3, 32, 32]");
  EXPECT_EQ(source->dataset().class_names()[9], "j");
  std::vector<float> image(3072);
  int32_t label = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(
        source->dataset().Read(i, {reinterpret_cast<uint8_t*>(image.data()), reinterpret_cast<uint8_t*>(&label)}).ok());
    EXPECT_EQ(label, i / 2 + 1 + i % 2);
    EXPECT_EQ(image[0], static_cast<float>(i / 2 + 1 + 100 * (i % 2)) / 255);
    EXPECT_EQ(image[3071], static_cast<float>((i / 2 + 1 + 100 * (i % 2) + 3071) % 256) / 255);
  }
}

TEST_F(CifarTest, OneHundredHasTwoLabels) {
  PutFile(folder_ + "/test.bin", Record(Byte(3) + Byte(77), 0));
  const auto source = Open("cifar100 { split: TEST }");
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<float> image(3072);
  int32_t coarse = 0, label = 0;
  ASSERT_EQ(source->columns()[1].name, "coarse_label");
  ASSERT_TRUE(source->dataset()
                  .Read(0, {reinterpret_cast<uint8_t*>(image.data()), reinterpret_cast<uint8_t*>(&coarse),
                            reinterpret_cast<uint8_t*>(&label)})
                  .ok());
  EXPECT_EQ(coarse, 3);
  EXPECT_EQ(label, 77);
  EXPECT_EQ(image[255], 1);
}

TEST_F(CifarTest, NamesWhatIsWrong) {
  const std::string remedy =
      "cifar10 reads the binary version, cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html";
  EXPECT_EQ(ErrorOf("cifar10 { split: TEST }"), "DIR/test_batch.bin: no such file; " + remedy);
  PutFile(folder_ + "/test_batch", "pickled");
  EXPECT_EQ(ErrorOf("cifar10 { split: TEST }"),
            "DIR/test_batch.bin: no such file; DIR/test_batch is of the version for Python; " + remedy);
  PutFile(folder_ + "/test_batch.bin", Record(Byte(10), 0).substr(1));
  EXPECT_EQ(
      ErrorOf("cifar10 { split: TEST }"),
      "DIR/test_batch.bin has 3072 bytes, which is no whole number of records of 3073 bytes; is the file complete, "
      "and of the binary version?");
  PutFile(folder_ + "/test_batch.bin", "");
  EXPECT_EQ(ErrorOf("cifar10 { split: TEST }").substr(0, 31), "DIR/test_batch.bin has 0 bytes,");
  PutFile(folder_ + "/test_batch.bin", Record(Byte(10), 0));
  const auto source = Open("cifar10 { split: TEST }");
  ASSERT_TRUE(source.ok());
  std::vector<float> image(3072);
  int32_t label = 0;
  EXPECT_EQ(source->dataset()
                .Read(0, {reinterpret_cast<uint8_t*>(image.data()), reinterpret_cast<uint8_t*>(&label)})
                .message(),
            folder_ + "/test_batch.bin: record 0 has label 10, but there are 10 classes");
}

}  // namespace
}  // namespace gradus
