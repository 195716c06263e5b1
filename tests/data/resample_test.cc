#include "data/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/random.h"
#include "tests/testlib/images.h"

namespace gradus {
namespace {

// What a view shows, straight from the definition, in double: a triangle over the box's pixels for each pixel.
std::vector<double> Reference(const ImageView& view, const std::vector<double>& image) {
  const int64_t width = view.image_size().width;
  const auto weights = [](const ImageView::Axis& axis, int64_t i) {
    std::vector<std::pair<int64_t, double>> result;
    const int64_t number = axis.first + (axis.mirrored ? axis.count - 1 - i : i);
    if (number < 0 || number >= axis.grid) return result;
    const double step = axis.box.length / static_cast<double>(axis.grid), radius = std::max(1.0, step);
    const double centre = axis.box.begin + (static_cast<double>(number) + 0.5) * step;
    double sum = 0;
    const auto end = static_cast<int64_t>(std::ceil(axis.box.begin + axis.box.length));
    for (auto p = static_cast<int64_t>(std::floor(axis.box.begin)); p < end; ++p) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(p) + 0.5 - centre) / radius);
      result.emplace_back(p, weight);
      sum += weight;
    }
    for (auto& [p, weight] : result) weight /= sum;
    return result;
  };
  std::vector<double> out;
  for (int64_t y = 0; y < view.size().height; ++y) {
    for (int64_t x = 0; x < view.size().width; ++x) {
      double sum = 0;
      for (const auto& [row, a] : weights(view.vertical(), y)) {
        for (const auto& [column, b] : weights(view.horizontal(), x)) sum += a * b * image[row * width + column];
      }
      out.push_back(sum);
    }
  }
  return out;
}

// The whole of an image, as a decoder gives it.
void Fill(const Tensor& image, PixelBuffer* pixels) {
  const ImageSize size = {image.shape()[1], image.shape()[2]};
  const int channels = static_cast<int>(image.shape()[0]);
  ASSERT_TRUE(pixels->Prepare({1, 0, 0, size}, channels));
  const std::string interleaved = InterleaveChannels(image);
  std::copy(interleaved.begin(), interleaved.end(), pixels->row(0));
}

std::vector<ImageView> Views() {
  std::vector<ImageView> views(8, ImageView({21, 34}));
  views[0].Resize({7, 9});
  views[1].Resize({40, 50});
  views[2].Crop(3, 5, {11, 13});
  views[2].Resize({8, 8});
  views[2].Mirror();
  views[3].Resize({15, 16});
  views[3].Crop(-2, 3, {10, 20});  // beyond the top and the right
  views[4].Resize({10, 10});
  views[4].Crop(1, 2, {5, 6});
  views[4].Resize({9, 4});
  views[5].Mirror();
  views[5].Crop(0, 0, {21, 5});
  views[6].Crop(20, 0, {1, 34});
  views[6].Resize({6, 6});
  views[7].Crop(30, 40, {3, 3});  // nothing of it
  return views;
}

TEST(ResampleTest, ShowsWhatTheDefinitionSays) {
  for (int channels : {1, 3}) {
    const Tensor image = SmoothImage(channels, 21, 34, 3);
    Tensor floats(TensorType{DType::kFloat32, image.shape()});
    for (int64_t i = 0; i < image.bytes(); ++i) floats.values<float>()[i] = static_cast<float>(image.data()[i]) / 255;
    PixelBuffer pixels;
    Fill(image, &pixels);
    Resampler resampler;
    const std::vector<ImageView> views = Views();
    for (size_t v = 0; v < views.size(); ++v) {
      const ImageView& view = views[v];
      const int64_t plane = view.size().height * view.size().width;
      std::vector<float> of_bytes(channels * plane, NAN), of_floats(channels * plane, NAN);
      const ImagePart part = resampler.Prepare(view, 1);
      ASSERT_GE(part.top, 0);
      ASSERT_LE(part.top + part.size.height, 21);
      ASSERT_LE(part.left + part.size.width, 34);
      PixelBuffer there;  // no more than asked for
      ASSERT_TRUE(there.Prepare(part, channels));
      for (int64_t y = 0; y < part.size.height; ++y) {
        const uint8_t* from = pixels.row(part.top + y) + part.left * channels;
        std::copy(from, from + there.row_bytes(), there.row(y));
      }
      resampler.Render(there, of_bytes.data());
      resampler.Render(floats.values<float>().data(), channels, of_floats.data());
      for (int c = 0; c < channels; ++c) {
        const auto values = floats.values<float>().subspan(c * 21 * 34, 21 * 34);
        const std::vector<double> expected = Reference(view, std::vector<double>(values.begin(), values.end()));
        for (int64_t i = 0; i < plane; ++i) {
          ASSERT_NEAR(of_bytes[c * plane + i], expected[i], 1e-6) << "view " << v << " at " << i;
          ASSERT_NEAR(of_floats[c * plane + i], expected[i], 1e-6) << "view " << v << " at " << i;
        }
      }
    }
  }
}

TEST(ResampleTest, CopiesAreExact) {
  const Tensor image = SmoothImage(3, 6, 8);
  PixelBuffer pixels;
  Fill(image, &pixels);
  ImageView view({6, 8});
  view.Crop(1, 2, {4, 5});
  view.Mirror();
  ASSERT_TRUE(view.copies());
  Resampler resampler;
  resampler.Prepare(view, 8);
  std::vector<float> out(3 * 20);
  resampler.Render(pixels, out.data());
  std::vector<uint8_t> copied(3 * 20);
  CopyView(view, 3, 1, image.data(), copied.data());
  for (int i = 0; i < 60; ++i) EXPECT_EQ(out[i], static_cast<float>(copied[i]) / 255);
  EXPECT_EQ(copied[0], image.data()[1 * 8 + 6]);
}

// Reducing in the decoder stays close to resampling all pixels, and never has fewer pixels than the view.
TEST(ResampleTest, ReducesNoFurtherThanTheView) {
  Resampler resampler;
  ImageView view({1000, 1500});
  view.Resize({125, 188});
  EXPECT_EQ(resampler.Prepare(view, 8).reduction, 4);  // 1500 / 188 < 8
  EXPECT_EQ(resampler.Prepare(view, 2).reduction, 2);
  EXPECT_EQ(resampler.Prepare(view, 1).reduction, 1);
  ImageView crop({1000, 1500});
  crop.Crop(100, 200, {480, 480});
  crop.Resize({224, 224});
  const ImagePart part = resampler.Prepare(crop, 8);
  EXPECT_EQ(part.reduction, 2);
  EXPECT_EQ(part.top, 50);
  EXPECT_EQ(part.left, 100);
  EXPECT_EQ(part.size, (ImageSize{240, 240}));
}

}  // namespace
}  // namespace gradus
