// JPEG files, and files of every kind that are not what they seem. PNG: tests/data/png_test.cc.
#include "data/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "core/file.h"
#include "core/memory_limit.h"
#include "data/jpeg.h"
#include "tests/testlib/images.h"

namespace gradus {
namespace {

Tensor Decode(const std::string& file, int channels) {
  absl::StatusOr<Tensor> image = DecodeImage("x", file, channels);
  EXPECT_TRUE(image.ok()) << image.status();
  return *std::move(image);
}

std::string ErrorOf(const std::string& file) {
  const absl::StatusOr<Tensor> image = DecodeImage("x", file, 3);
  return image.ok() ? "no error" : std::string(image.status().message());
}

// The largest difference of two images of equal size.
int Distance(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.type(), b.type());
  int most = 0;
  for (int64_t i = 0; i < a.bytes(); ++i) most = std::max(most, std::abs(a.data()[i] - b.data()[i]));
  return most;
}

TEST(JpegTest, DecodesWhatItEncodes) {
  for (int channels : {1, 3}) {
    const Tensor image = SmoothImage(channels, 37, 53);
    EXPECT_LE(Distance(Decode(Jpeg(image), channels), image), 12);
    EXPECT_LE(Distance(Decode(ProgressiveJpeg(image), channels), image), 12);
  }
}

TEST(JpegTest, GreyAndInksBecomeColours) {
  const Tensor grey = SmoothImage(1, 20, 20);
  const Tensor colours = Decode(Jpeg(grey), 3);
  EXPECT_EQ(colours.type().ToString(), "u8[3, 20, 20]");
  for (int i = 0; i < 400; ++i) {
    EXPECT_EQ(colours.data()[i], colours.data()[400 + i]);
    EXPECT_NEAR(colours.data()[i], grey.data()[i], 6);
  }
  const Tensor rgb = SmoothImage(3, 24, 40);
  EXPECT_LE(Distance(Decode(CmykJpeg(rgb), 3), rgb), 8);
  const Tensor one = Decode(CmykJpeg(rgb), 1);
  EXPECT_NEAR(one.data()[100], Luminance(rgb.data()[100], rgb.data()[960 + 100], rgb.data()[1920 + 100]), 8);
}

// A part is the same part of the whole image.
TEST(JpegTest, DecodesParts) {
  const Tensor image = SmoothImage(3, 123, 157);
  for (const std::string& file : {Jpeg(image), ProgressiveJpeg(image), CmykJpeg(image)}) {
    for (int reduction : {1, 2, 4, 8}) {
      const int64_t height = (123 + reduction - 1) / reduction, width = (157 + reduction - 1) / reduction;
      PixelBuffer whole, part;
      const auto decode = [&](const ImagePart& wanted, PixelBuffer* pixels) {
        const absl::Status status = DecodeImage(
            "x", file, 3, [&](ImageSize, int) -> absl::StatusOr<ImagePart> { return wanted; }, pixels);
        ASSERT_TRUE(status.ok()) << status;
      };
      decode({reduction, 0, 0, {height, width}}, &whole);
      const ImagePart wanted = {reduction, height / 3, width / 3, {height / 2, width / 2}};
      decode(wanted, &part);
      ASSERT_EQ(part.part().top, wanted.top);
      ASSERT_LE(part.part().left, wanted.left);
      ASSERT_GE(part.part().left + part.part().size.width, wanted.left + wanted.size.width);
      for (int64_t y = 0; y < wanted.size.height; ++y) {
        const uint8_t* a = whole.row(wanted.top + y) + 3 * wanted.left;
        const uint8_t* b = part.row(y) + 3 * (wanted.left - part.part().left);
        ASSERT_EQ(std::string(a, a + 3 * wanted.size.width), std::string(b, b + 3 * wanted.size.width))
            << "row " << y << ", reduction " << reduction;
      }
    }
  }
}

TEST(JpegTest, BelievesNoHeader) {
  const std::string jpeg = Jpeg(SmoothImage(3, 16, 16));
  EXPECT_EQ(ErrorOf(WithJpegSize(jpeg, 65000, 65000)),
            "x: the header claims 65000 x 65000 pixels; the limits are 16384 a side and 67108864 in all");
  EXPECT_EQ(ErrorOf(WithJpegSize(jpeg, 8000, 8000)),
            "x: damaged JPEG image: Corrupt JPEG data: premature end of data segment");
  EXPECT_TRUE(absl::StartsWith(ErrorOf(WithJpegSize(jpeg, 0, 16)), "x: damaged JPEG image: Empty JPEG image"));
}

TEST(JpegTest, RefusesEndlessScans) {
  const std::string jpeg = ProgressiveJpeg(SmoothImage(1, 64, 64));
  EXPECT_EQ(ErrorOf(RepeatFirstScan(jpeg, 1)), "no error");
  EXPECT_EQ(ErrorOf(RepeatFirstScan(jpeg, 50000)), "x: damaged JPEG image: it has more than 100 scans");
}

// A big progressive image whose scans are nearly empty: decoding needs memory for all coefficients, but no more.
TEST(JpegTest, BombsTakeBoundedMemory) {
  const std::string bomb = RepeatFirstScan(WithJpegSize(ProgressiveJpeg(SmoothImage(3, 16, 16)), 8000, 8000), 90);
  EXPECT_NE(ErrorOf(bomb), "no error");
  EXPECT_LT(PeakResidentBytes(), int64_t{1} << 30);
}

TEST(JpegTest, CutFilesAreDamaged) {
  const Tensor image = SmoothImage(3, 40, 60);
  for (const std::string& jpeg : {Jpeg(image), ProgressiveJpeg(image)}) {
    for (size_t length = 0; length + 2 < jpeg.size(); length += 7) {
      EXPECT_NE(ErrorOf(jpeg.substr(0, length)), "no error") << length << " of " << jpeg.size();
    }
    EXPECT_EQ(ErrorOf(jpeg + "and something behind the end"), "no error");
  }
  // Also where the part that is wanted is there.
  const std::string jpeg = Jpeg(image);
  PixelBuffer pixels;
  const auto top = [](ImageSize, int) -> absl::StatusOr<ImagePart> { return ImagePart{1, 0, 0, {8, 60}}; };
  EXPECT_TRUE(DecodeImage("x", jpeg, 3, top, &pixels).ok());
  EXPECT_EQ(DecodeImage("x", jpeg.substr(0, jpeg.size() * 3 / 4), 3, top, &pixels).message(),
            "x: damaged JPEG image: Premature end of JPEG file");
}

TEST(JpegTest, SurvivesEveryDamagedByte) {
  for (std::string jpeg : {Jpeg(SmoothImage(3, 24, 24), 50), ProgressiveJpeg(SmoothImage(1, 24, 24))}) {
    for (size_t i = 0; i < jpeg.size(); ++i) {
      for (uint8_t flip : {0x01, 0x80, 0xff}) {
        jpeg[i] ^= flip;
        ErrorOf(jpeg);  // an error or an image, and nothing worse
        jpeg[i] ^= flip;
      }
    }
  }
}

TEST(ImageFileTest, ContentDecides) {
  EXPECT_EQ(ErrorOf(""), "x: not a JPEG or PNG image: the file is empty");
  EXPECT_EQ(ErrorOf("GIF89a..."), "x: not a JPEG or PNG image: it looks like a GIF file");
  EXPECT_EQ(ErrorOf("RIFF....WEBPVP8 "), "x: not a JPEG or PNG image: it looks like a WebP file");
  EXPECT_EQ(ErrorOf("<html>not found</html>"), "x: not a JPEG or PNG image: it looks like an HTML or XML file");
  EXPECT_EQ(ErrorOf("version https://git-lfs"), "x: not a JPEG or PNG image: its first bytes are those of neither");
  EXPECT_TRUE(absl::StartsWith(ErrorOf("\xff\xd8\xff"), "x: damaged JPEG image: "));
  EXPECT_TRUE(absl::StartsWith(ErrorOf(std::string("\x89PNG\r\n\x1a\n")), "x: damaged PNG image: "));
  EXPECT_EQ(Decode(Png(SmoothImage(3, 4, 5)), 3).type().ToString(), "u8[3, 4, 5]");
}

#ifndef GRADUS_ASAN  // it does not work within an address space limit
TEST(ImageTest, SaysThatThereIsNoMemory) {
  PixelBuffer pixels;
  ASSERT_TRUE(pixels.Prepare({1, 0, 0, {8192, 8192}}, 3));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const absl::StatusOr<std::string> process = ReadFile("/proc/self/status");
  ASSERT_TRUE(process.ok()) << process.status();
  rlimit limit = before;
  limit.rlim_cur = *ParseKilobytes(*process, "VmSize") + (64 << 20);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const absl::Status status = SeparateChannels(pixels).status();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(status, absl::ResourceExhaustedError("no memory for u8[3, 8192, 8192]"));
}
#endif

TEST(ImageFileTest, ErrorsOfTheChoiceComeBack) {
  PixelBuffer pixels;
  const auto refuse = [](ImageSize size, int) -> absl::StatusOr<ImagePart> {
    return absl::InvalidArgumentError(std::to_string(size.width));
  };
  for (const std::string& file : {Jpeg(SmoothImage(1, 9, 11)), Png(SmoothImage(1, 9, 11))}) {
    EXPECT_EQ(DecodeImage("x", file, 1, refuse, &pixels).message(), "11");
  }
}

}  // namespace
}  // namespace gradus
