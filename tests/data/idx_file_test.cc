#include "data/idx_file.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/data/idx_testing.h"

namespace gradus {
namespace {

std::string ErrorOf(const std::string& path, int rank = 3) {
  const absl::StatusOr<IdxFile> file = IdxFile::Open(path, rank);
  return file.ok() ? "no error" : std::string(file.status().message());
}

void ExpectThreeImages(const std::string& path) {
  const absl::StatusOr<IdxFile> file = IdxFile::Open(path, 3);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->shape(), (Shape{3, 2, 3}));
  std::vector<uint8_t> items(12);
  ASSERT_TRUE(file->Read(1, 2, items.data()).ok());
  EXPECT_EQ(items, (std::vector<uint8_t>{10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25}));
}

TEST(IdxFileTest, ReadsRawAndGzip) {
  const std::string folder = TestFolder();
  ExpectThreeImages(Write(folder, "raw", IdxImages(3)));
  ExpectThreeImages(Write(folder, "gzip", Gzip(IdxImages(3))));
  const std::string images = IdxImages(3);
  ExpectThreeImages(Write(folder, "two members", Gzip(images.substr(0, 20)) + Gzip(images.substr(20))));
}

TEST(IdxFileTest, RefusesWhatIsNoIdxFile) {
  const std::string folder = TestFolder();
  std::string path = Write(folder, "html", "<html>not found</html>");
  EXPECT_EQ(ErrorOf(path),
            path + ": magic number 0x3c68746d, expected 0x00000803 (unsigned bytes of rank 3); is it an IDX file?");
  path = Write(folder, "labels", IdxLabels(3));
  EXPECT_EQ(ErrorOf(path), path +
                               ": magic number 0x00000801, expected 0x00000803 (unsigned bytes of rank 3); that is a "
                               "file of labels: are images and labels swapped?");
  path = Write(folder, "images", IdxImages(3));
  EXPECT_EQ(ErrorOf(path, 1), path +
                                  ": magic number 0x00000803, expected 0x00000801 (unsigned bytes of rank 1); that is "
                                  "a file of images: are images and labels swapped?");
  path = Write(folder, "empty", "");
  EXPECT_EQ(ErrorOf(path),
            path + ": 0 bytes, but an IDX header of rank 3 has 16; the file is cut off, download it again");
  path = Write(folder, "short", IdxBytes(0x803, {3}, ""));
  EXPECT_EQ(ErrorOf(path),
            path + ": 8 bytes, but an IDX header of rank 3 has 16; the file is cut off, download it again");
  EXPECT_NE(ErrorOf(folder), "no error");
  EXPECT_NE(ErrorOf(folder + "/missing"), "no error");
}

TEST(IdxFileTest, BelievesNoHeader) {
  const std::string folder = TestFolder();
  std::string path = Write(folder, "2^31 images", IdxBytes(0x803, {1u << 31, 28, 28}, "pixels"));
  EXPECT_EQ(ErrorOf(path), path +
                               ": the header claims [2147483648, 28, 28], 1683627180048 bytes with the header, but the "
                               "file has 22; it is cut off, download it again");
  path = Write(folder, "overflow", IdxBytes(0x803, {~0u, ~0u, ~0u}, ""));
  EXPECT_EQ(ErrorOf(path),
            path + ": the header claims shape [4294967295, 4294967295, 4294967295] has 2^56 elements or more");
  path = Write(folder, "nothing", IdxBytes(0x803, {0, 28, 28}, ""));
  EXPECT_EQ(ErrorOf(path), path + ": the header claims [0, 28, 28], which is nothing");
  path = Write(folder, "no pixels", IdxBytes(0x803, {10, 0, 28}, ""));
  EXPECT_EQ(ErrorOf(path), path + ": the header claims [10, 0, 28], which is nothing");
  path = Write(folder, "cut off", IdxImages(3).substr(0, 33));
  EXPECT_EQ(ErrorOf(path),
            path +
                ": the header claims [3, 2, 3], 34 bytes with the header, but the file has 33; it is cut "
                "off, download it again");
  path = Write(folder, "longer", IdxImages(3) + "x");
  EXPECT_EQ(ErrorOf(path),
            path +
                ": the header claims [3, 2, 3], 34 bytes with the header, but the file has 35; something "
                "was added to it");
}

TEST(IdxFileTest, BelievesNoHeaderInsideGzip) {
  const std::string folder = TestFolder();
  const std::string bomb = Gzip(IdxBytes(0x803, {1u << 31, 28, 28}, "pixels"));
  std::string path = Write(folder, "2^31 images", bomb);
  EXPECT_EQ(ErrorOf(path), absl::StrCat(path,
                                        ": the header claims [2147483648, 28, 28], 1683627180048 bytes with the "
                                        "header, but the file has ",
                                        bomb.size(), " bytes of gzip, which cannot hold more than ", 1032 * bomb.size(),
                                        "; it is damaged, download it again"));
  path = Write(folder, "fewer", Gzip(IdxImages(3).substr(0, 33)));
  EXPECT_EQ(ErrorOf(path), path +
                               ": the header claims [3, 2, 3], 34 bytes with the header, but the file has 33 after "
                               "inflating; it is cut off, download it again");
  path = Write(folder, "more", Gzip(IdxImages(3) + "x"));
  EXPECT_EQ(ErrorOf(path), path +
                               ": the header claims [3, 2, 3], 34 bytes with the header, but the file has more; "
                               "something was added to it");
  path = Write(folder, "no header", Gzip("abc"));
  EXPECT_EQ(ErrorOf(path),
            path + ": 3 bytes, but an IDX header of rank 3 has 16; the file is cut off, download it again");
}

TEST(IdxFileTest, RefusesDamagedGzip) {
  const std::string folder = TestFolder();
  const std::string good = Gzip(IdxImages(20));
  std::string path = Write(folder, "cut off", good.substr(0, good.size() - 5));
  EXPECT_EQ(ErrorOf(path), absl::StrCat(path, ": the gzip data breaks off at the end of the file, byte ",
                                        good.size() - 5, "; download it again, or run `gzip -t` on it"));
  path = Write(folder, "trailing", good + "xyz");
  EXPECT_EQ(ErrorOf(path), absl::StrCat(path, ": 3 bytes follow the end of the gzip data at byte ", good.size(),
                                        "; download it again, or run `gzip -t` on it"));
  std::string wrong_sum = good;
  wrong_sum[good.size() - 8] ^= 1;
  path = Write(folder, "checksum", wrong_sum);
  EXPECT_EQ(ErrorOf(path), absl::StrCat(path, ": damaged gzip data before byte ", good.size() - 4, " of ", good.size(),
                                        " (incorrect data check); download it again, or run `gzip -t` on it"));
}

// Whatever byte is damaged, there is an error and nothing worse, or the same images (the file's time stamp may change).
TEST(IdxFileTest, AnyDamagedByteIsAnErrorOrHarmless) {
  const std::string folder = TestFolder();
  for (const std::string& good : {Gzip(IdxImages(3)), IdxImages(3)}) {
    const bool gzip = good[0] == 0x1f;
    for (size_t i = 0; i < (gzip ? good.size() : 16); ++i) {
      std::string bad = good;
      bad[i] ^= 0x55;
      const std::string path = Write(folder, "bad", bad);
      const absl::StatusOr<IdxFile> file = IdxFile::Open(path, 3);
      if (file.ok()) ExpectThreeImages(path);
    }
  }
}

}  // namespace
}  // namespace gradus
