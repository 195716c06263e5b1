#include "data/png.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/memory_limit.h"
#include "data/image_file.h"
#include "tests/testlib/images.h"

namespace gradus {
namespace {

Tensor Ramp(int64_t channels, int64_t height, int64_t width) {
  Tensor image(TensorType{DType::kUint8, {channels, height, width}});
  for (int64_t i = 0; i < image.bytes(); ++i) image.data()[i] = static_cast<uint8_t>(37 * i);
  return image;
}

std::string Encode(const Tensor& image) {
  const absl::StatusOr<std::string> png = EncodePng(image);
  EXPECT_TRUE(png.ok()) << png.status();
  return *png;
}

std::string ErrorOf(const std::string& png) {
  const absl::StatusOr<Tensor> image = DecodeImage("x.png", png, 1);
  return image.ok() ? "no error" : std::string(image.status().message());
}

TEST(PngTest, DecodesWhatItEncodes) {
  for (int64_t channels : {1, 3}) {
    const Tensor image = Ramp(channels, 5, 7);
    const absl::StatusOr<Tensor> decoded = DecodeImage("x.png", Encode(image), static_cast<int>(channels));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    ASSERT_EQ(decoded->type(), image.type());
    EXPECT_EQ(decoded->values<uint8_t>(), image.values<uint8_t>());
  }
}

TEST(PngTest, ConvertsBetweenGreyAndColour) {
  const absl::StatusOr<Tensor> grey =
      DecodeImage("x.png", Encode(Tensor::Of<uint8_t>({3, 1, 2}, {255, 10, 0, 10, 0, 10})), 1);
  ASSERT_TRUE(grey.ok());
  EXPECT_EQ(grey->values<uint8_t>()[0], 76);  // 0.299 x 255
  EXPECT_EQ(grey->values<uint8_t>()[1], 10);
  const absl::StatusOr<Tensor> colour = DecodeImage("x.png", Encode(Tensor::Of<uint8_t>({1, 1, 1}, {99})), 3);
  ASSERT_TRUE(colour.ok());
  EXPECT_EQ(colour->values<uint8_t>(), (std::vector<uint8_t>{99, 99, 99}));
}

TEST(PngTest, DecodesEveryKind) {
  const auto decode = [](PngKind kind, int width, int height, const std::string& pixels, int channels) {
    const absl::StatusOr<Tensor> image = DecodeImage("x.png", PngOfKind(kind, width, height, pixels), channels);
    EXPECT_TRUE(image.ok()) << image.status();
    const absl::Span<const uint8_t> values = image->values<uint8_t>();
    return std::vector<int>(values.begin(), values.end());
  };
  const uint16_t deep[] = {0x1234, 0xffff};
  const std::string deep_bytes(reinterpret_cast<const char*>(deep), sizeof deep);
  EXPECT_EQ(decode({0, 16}, 2, 1, deep_bytes, 1), (std::vector<int>{0x12, 0xff}));
  EXPECT_EQ(decode({0, 1}, 4, 1, "\x50", 1), (std::vector<int>{0, 255, 0, 255}));
  EXPECT_EQ(decode({4, 8}, 2, 1, "\xc8\x80\x64\xff", 1), (std::vector<int>{100, 100}));  // alpha over black
  EXPECT_EQ(decode({6, 8}, 1, 1, "\x0a\x14\x1e\xff", 3), (std::vector<int>{10, 20, 30}));
  EXPECT_EQ(decode({3, 8}, 3, 1, std::string("\0\x01\x02", 3), 3), (std::vector<int>{255, 0, 0, 0, 128, 0, 0, 0, 255}));
  const Tensor picture = SmoothImage(3, 13, 21);
  const std::string pixels = InterleaveChannels(picture);
  const absl::Span<const uint8_t> values = picture.values<uint8_t>();
  EXPECT_EQ(decode({2, 8, true}, 21, 13, pixels, 3), std::vector<int>(values.begin(), values.end()));
}

TEST(PngTest, BelievesNoHeader) {
  const std::string png = Encode(Ramp(1, 4, 4));
  EXPECT_EQ(ErrorOf(WithPngSize(png, 1000000000, 1000000000)),
            "x.png: the header claims 1000000000 x 1000000000 pixels; the limits are 16384 a side and 67108864 in all");
  EXPECT_EQ(ErrorOf(WithPngSize(png, 16384, 16384)),
            "x.png: the header claims 16384 x 16384 pixels; the limits are 16384 a side and 67108864 in all");
  EXPECT_EQ(
      ErrorOf(WithPngSize(png, 8000, 8000)),
      absl::StrCat("x.png: the header claims 8000 x 8000 pixels, which a file of ", png.size(), " bytes cannot hold"));
  EXPECT_TRUE(absl::StartsWith(ErrorOf(WithPngSize(png, 5, 5)), "x.png: damaged PNG image: "));
  EXPECT_TRUE(absl::StartsWith(ErrorOf(WithPngSize(png, 0, 5)), "x.png: damaged PNG image: "));
}

// 64 million pixels in some 200 kB: rows are dropped as they come, so that a part takes little memory.
TEST(PngTest, BombsTakeBoundedMemory) {
  const std::string png = Encode(Tensor(TensorType{DType::kUint8, {1, 8000, 8000}}));
  ASSERT_LT(png.size(), 1 << 19);
  const int64_t before = PeakResidentBytes();
  PixelBuffer pixels;
  const auto part = [](ImageSize size, int) -> absl::StatusOr<ImagePart> {
    return ImagePart{1, 7000, 100, {100, size.width - 100}};
  };
  const absl::Status status = DecodeImage("x.png", png, 3, part, &pixels);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(pixels.row(99)[3 * 7899 + 2], 0);
  EXPECT_LT(PeakResidentBytes() - before, int64_t{1} << 25);
}

TEST(PngTest, RefusesDamage) {
  const std::string png = Encode(Ramp(1, 20, 20));
  // The last 16 bytes are the checksum of the pixels and the end mark: a decoder that has all pixels needs neither.
  for (size_t length = 0; length + 16 < png.size(); ++length) EXPECT_NE(ErrorOf(png.substr(0, length)), "no error");
  for (size_t i = 0; i < png.size(); ++i) {
    std::string bad = png;
    bad[i] ^= 0x55;
    ErrorOf(bad);  // an error or an image, and nothing worse
  }
  EXPECT_EQ(DecodeImage("x.png", png, 2).status().message(), "x.png: an image has 1 or 3 channels, not 2");
}

TEST(PngTest, EncodesOnlyImages) {
  EXPECT_EQ(EncodePng(Ramp(2, 3, 3)).status().message(),
            "an image is u8[1, H, W] or u8[3, H, W] with at most 16384 pixels a side, not u8[2, 3, 3]");
  EXPECT_FALSE(EncodePng(Tensor()).ok());
  EXPECT_FALSE(EncodePng(Tensor(TensorType{DType::kFloat32, {1, 2, 2}})).ok());
  EXPECT_FALSE(EncodePng(Tensor(TensorType{DType::kUint8, {1, 0, 2}})).ok());
}

TEST(PngTest, ImageToBytesRoundsAndClamps) {
  const absl::StatusOr<Tensor> bytes = ImageToBytes(Tensor::Of<float>({1, 1, 6}, {0, 1, 0.5f, -3, 7, std::nanf("")}));
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->values<uint8_t>(), (std::vector<uint8_t>{0, 255, 128, 0, 255, 0}));
}

}  // namespace
}  // namespace gradus
