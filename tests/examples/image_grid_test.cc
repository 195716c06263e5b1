#include "examples/image_grid.h"

#include <cmath>
#include <string>
#include <vector>

#include "examples/bitmap_font.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

Tensor Image(int64_t channels, int64_t height, int64_t width, float value) {
  Tensor image(TensorType{DType::kFloat32, {channels, height, width}});
  for (float& x : image.values<float>()) x = value;
  return image;
}

uint8_t Pixel(const Tensor& picture, int64_t channel, int64_t y, int64_t x) {
  const Shape& shape = picture.shape();
  return picture.values<uint8_t>()[(channel * shape[1] + y) * shape[2] + x];
}

TEST(ImageGridTest, StretchesEachChannelOverAllImages) {
  CaptionedImages captioned;
  for (float value : {-3.0f, 1.0f}) {
    captioned.images.push_back(Image(3, 80, 80, value));
    captioned.captions.emplace_back();
  }
  captioned.images[1].values<float>()[2 * 80 * 80] = 5;  // blue, top left
  const auto picture = DrawImageGrid(captioned);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->shape(), (Shape{3, 96, 184}));  // two tiles of 80 side by side, gaps of 8
  EXPECT_EQ(Pixel(*picture, 0, 8, 8), 0);
  EXPECT_EQ(Pixel(*picture, 2, 8, 8), 0);
  EXPECT_EQ(Pixel(*picture, 0, 8, 96), 255);
  EXPECT_EQ(Pixel(*picture, 2, 8, 96), 255);
  EXPECT_EQ(Pixel(*picture, 2, 9, 96), 128);  // (1 + 3) / (5 + 3)
}

TEST(ImageGridTest, EnlargesSmallImagesAndWritesCaptions) {
  CaptionedImages captioned;
  captioned.images.push_back(Image(1, 36, 36, 0));
  captioned.images[0].values<float>()[0] = 1;
  captioned.captions.push_back("7");
  const auto picture = DrawImageGrid(captioned);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->shape(), (Shape{3, 8 + 72 + 4 + 14 + 8, 8 + 72 + 8}));
  for (int64_t i = 0; i < 2; ++i) EXPECT_EQ(Pixel(*picture, 0, 8 + i, 8 + i), 255);
  EXPECT_EQ(Pixel(*picture, 0, 10, 10), 0);
  const int64_t left = 8 + (72 - 10) / 2, top = 8 + 72 + 4;
  const uint8_t text = Pixel(*picture, 0, top, left);  // the bar of the 7
  for (int row = 0; row < kGlyphHeight; ++row) {
    for (int column = 0; column < kGlyphWidth; ++column) {
      EXPECT_EQ(Pixel(*picture, 0, top + 2 * row, left + 2 * column) == text, GlyphPixel('7', column, row));
    }
  }
}

TEST(ImageGridTest, CutsLongCaptions) {
  CaptionedImages captioned;
  captioned.images.push_back(Image(1, 72, 72, 0));
  captioned.captions.push_back(std::string(100, 'W'));
  EXPECT_TRUE(DrawImageGrid(captioned).ok());
}

TEST(ImageGridTest, FillsItsRows) {
  for (const auto& [count, columns] :
       std::vector<std::pair<int, int>>{{64, 8}, {20, 5}, {1, 1}, {2, 2}, {100, 10}, {7, 4}}) {
    CaptionedImages captioned;
    for (int i = 0; i < count; ++i) {
      captioned.images.push_back(Image(1, 72, 72, 0));
      captioned.captions.push_back("1");
    }
    const auto picture = DrawImageGrid(captioned);
    ASSERT_TRUE(picture.ok()) << picture.status();
    EXPECT_EQ(picture->shape()[2], 8 + 80 * columns) << count;
  }
}

TEST(ImageGridTest, TakesOddValues) {
  CaptionedImages captioned;
  captioned.images.push_back(Image(2, 1, 3, std::nanf("")));
  captioned.images.push_back(Image(2, 1, 3, INFINITY));
  captioned.captions = {"\xff\x01", ""};
  EXPECT_TRUE(DrawImageGrid(captioned).ok());
}

TEST(ImageGridTest, RefusesPicturesThatAreTooLarge) {
  CaptionedImages captioned;
  captioned.images.push_back(Image(1, 1, 20000, 0));
  captioned.captions.push_back("");
  EXPECT_EQ(DrawImageGrid(captioned).status().message(),
            "1 images of [1, 1, 20000] make a picture of 20016 x 17 pixels, more than a PNG may hold here; show fewer");
}

TEST(BitmapFontTest, SmallLettersLookLikeCapitalsAndUnknownOnesLikeAQuestion) {
  bool differ = false;
  for (int row = 0; row < kGlyphHeight; ++row) {
    for (int column = 0; column < kGlyphWidth; ++column) {
      EXPECT_EQ(GlyphPixel('a', column, row), GlyphPixel('A', column, row));
      EXPECT_EQ(GlyphPixel('\xe4', column, row), GlyphPixel('?', column, row));
      differ |= GlyphPixel('0', column, row) != GlyphPixel('O', column, row);
    }
  }
  EXPECT_TRUE(differ);
}

}  // namespace
}  // namespace gradus
