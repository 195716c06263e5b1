#include "data/face_crop.h"

#include <cstring>
#include <vector>

#include "core/memory_limit.h"
#include "core/random.h"
#include "core/tensor.h"
#include "data/image_view.h"
#include "data/resample.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

Tensor Noise(int64_t height, int64_t width) {
  Tensor image(TensorType{DType::kUint8, {3, height, width}});
  RandomSequence random(1, "noise", 0);
  for (int64_t i = 0; i < image.bytes(); ++i) image.data()[i] = static_cast<uint8_t>(random.Below(256));
  return image;
}

// The same by way of the whole square in floats.
std::vector<float> BySquare(const Tensor& image, const Square& square, int64_t size) {
  ImageView window({image.shape()[1], image.shape()[2]});
  window.Crop(square.top, square.left, {square.side, square.side});
  std::vector<uint8_t> bytes(3 * square.side * square.side);
  CopyView(window, 3, 1, image.data(), bytes.data());
  std::vector<float> pixels;
  for (uint8_t byte : bytes) pixels.push_back(static_cast<float>(byte) / 255);
  if (square.side == size) return pixels;
  ImageView view({square.side, square.side});
  view.Resize({size, size});
  Resampler resampler;
  resampler.Prepare(view, 1);
  std::vector<float> out(3 * size * size);
  resampler.Render(pixels.data(), 3, out.data());
  return out;
}

TEST(FaceCropTest, IsTheSquareOfTheImageWithZerosAround) {
  const Tensor image = Noise(37, 53);
  const Square squares[] = {{5, 3, 30},  {0, 0, 53},   {-4, -9, 40}, {30, 20, 32}, {-20, -20, 100}, {17, -40, 48},
                            {-9, 36, 9}, {52, 36, 48}, {10, 10, 1},  {53, 0, 20},  {0, -50, 48},    {-300, 900, 5}};
  for (const Square& square : squares) {
    for (const int64_t size : {1, 16, 48, 53}) {
      std::vector<float> out(3 * size * size, -1);
      CropSquare(image, square, size, out.data());
      const std::vector<float> wanted = BySquare(image, square, size);
      EXPECT_EQ(std::memcmp(out.data(), wanted.data(), out.size() * sizeof(float)), 0)
          << square.left << " " << square.top << " " << square.side << " in " << size;
    }
  }
}

// A square over it has 2^28 pixels.
TEST(FaceCropTest, ALongImageNeedsNoMoreMemoryThanItHas) {
  const Tensor image = Noise(1, 1 << 14);
  const int64_t before = PeakResidentBytes();
  std::vector<float> out(3 * 48 * 48);
  CropSquare(image, SquareOver(1, 1 << 14), 48, out.data());
  EXPECT_GT(out[0], 0);
  EXPECT_EQ(out[48], 0);
  EXPECT_LT(PeakResidentBytes() - before, int64_t{16} << 20);
}

}  // namespace
}  // namespace gradus
