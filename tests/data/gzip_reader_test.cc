#include "data/gzip_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/data/idx_testing.h"

namespace gradus {
namespace {

TEST(GzipReaderTest, ReadsInPiecesAcrossMembersAndBuffers) {
  std::string text;
  for (uint32_t i = 0; i < 300000; ++i)
    text += static_cast<char>(i * i * 31 >> 7);  // hard to compress: several input buffers
  const std::string path = Write(TestFolder(), "file", Gzip(text.substr(0, 1000)) + Gzip(text.substr(1000)));
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  ASSERT_TRUE(file.ok());
  const absl::StatusOr<std::unique_ptr<GzipReader>> reader = GzipReader::Make(&*file);
  ASSERT_TRUE(reader.ok());
  std::string read;
  std::vector<uint8_t> piece(777);
  while (true) {
    const absl::StatusOr<int64_t> count = (*reader)->Read(absl::MakeSpan(piece));
    ASSERT_TRUE(count.ok()) << count.status();
    read.append(piece.begin(), piece.begin() + *count);
    if (*count < 777) break;
  }
  EXPECT_TRUE(read == text);
  EXPECT_EQ(*(*reader)->Read(absl::MakeSpan(piece)), 0);
}

TEST(GzipReaderTest, KnowsTheMostThatAFileCanHold) {
  EXPECT_EQ(GzipReader::MostBytes(10), 10320);
  EXPECT_EQ(GzipReader::MostBytes(int64_t{1} << 60), INT64_MAX);
}

}  // namespace
}  // namespace gradus
