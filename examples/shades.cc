#include "examples/shades.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace gradus {
namespace {

template <typename F>
Tensor Mapped(const Tensor& image, F&& shade) {
  Tensor result(image.type());
  std::transform(image.values<float>().begin(), image.values<float>().end(), result.values<float>().begin(), shade);
  return result;
}

float Clamped(double value) { return std::isfinite(value) ? static_cast<float>(std::clamp(value, 0.0, 1.0)) : 0; }

// An image f32[C, height, width] whose elements are `value(c, y, x)`.
template <typename F>
Tensor Made(int64_t channels, int64_t height, int64_t width, F&& value) {
  Tensor result(TensorType{DType::kFloat32, {channels, height, width}});
  float* out = result.values<float>().data();
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) *out++ = value(c, y, x);
    }
  }
  return result;
}

float At(const Tensor& image, int64_t c, int64_t y, int64_t x) {
  const Shape& shape = image.shape();
  return image.values<float>()[(c * shape[1] + y) * shape[2] + x];
}

}  // namespace

ShadeRange RangeOf(absl::Span<const Tensor> images) {
  ShadeRange range = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (const Tensor& image : images) {
    for (float value : image.values<float>()) {
      if (!std::isfinite(value)) continue;
      range.least = std::min(range.least, value);
      range.largest = std::max(range.largest, value);
    }
  }
  return range.least <= range.largest ? range : ShadeRange{};
}

ShadeRange RangeOf(const Tensor& image) { return RangeOf(absl::MakeConstSpan(&image, 1)); }

Tensor ToShades(const Tensor& image, const ShadeRange& range) {
  const double width = double{range.largest} - range.least;
  return Mapped(image, [&](float v) { return width > 0 ? Clamped((double{v} - range.least) / width) : 0.0f; });
}

Tensor ToSignedShades(const Tensor& image, const ShadeRange& range) {
  const double most = std::max(std::abs(range.least), std::abs(range.largest));
  return Mapped(image, [&](float v) { return most > 0 ? Clamped(0.5 + 0.5 * v / most) : 0.5f; });
}

Tensor ToHeat(const Tensor& image, const ShadeRange& range) {
  const Tensor shades = ToShades(image, range);
  return Made(3, image.shape()[1], image.shape()[2], [&](int64_t c, int64_t y, int64_t x) {
    return Clamped(3.0 * At(shades, 0, y, x) - static_cast<double>(c));
  });
}

Box NonzeroBox(const Tensor& image) {
  const Shape& shape = image.shape();
  int64_t top = shape[1], left = shape[2], bottom = -1, right = -1;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    if (image.values<float>()[i] == 0) continue;
    const int64_t y = i / shape[2] % shape[1], x = i % shape[2];
    top = std::min(top, y), bottom = std::max(bottom, y);
    left = std::min(left, x), right = std::max(right, x);
  }
  return bottom < 0 ? Box{} : Box{top, left, bottom - top + 1, right - left + 1};
}

Box Union(const Box& a, const Box& b) {
  if (a.height == 0 || a.width == 0) return b;
  if (b.height == 0 || b.width == 0) return a;
  const int64_t y = std::min(a.y, b.y), x = std::min(a.x, b.x);
  return {y, x, std::max(a.y + a.height, b.y + b.height) - y, std::max(a.x + a.width, b.x + b.width) - x};
}

Box Widened(const Box& box, int64_t height, int64_t width, const Shape& image) {
  Box wide = box;
  wide.height = std::min(std::max(height, box.height), image[1]);
  wide.width = std::min(std::max(width, box.width), image[2]);
  wide.y = std::clamp<int64_t>(box.y - (wide.height - box.height) / 2, 0, image[1] - wide.height);
  wide.x = std::clamp<int64_t>(box.x - (wide.width - box.width) / 2, 0, image[2] - wide.width);
  return wide;
}

Tensor Crop(const Tensor& image, const Box& box) {
  GRADUS_CHECK(box.y + box.height <= image.shape()[1] && box.x + box.width <= image.shape()[2]);
  return Made(image.shape()[0], box.height, box.width,
              [&](int64_t c, int64_t y, int64_t x) { return At(image, c, box.y + y, box.x + x); });
}

Tensor Resized(const Tensor& image, int64_t height, int64_t width) {
  const Shape& shape = image.shape();
  return Made(shape[0], height, width, [&](int64_t c, int64_t y, int64_t x) {
    return At(image, c, y * shape[1] / height, x * shape[2] / width);
  });
}

Tensor Channel(const Tensor& image, int64_t c) {
  return Made(1, image.shape()[1], image.shape()[2], [&](int64_t, int64_t y, int64_t x) { return At(image, c, y, x); });
}

Tensor ToRgb(const Tensor& image) {
  const bool is_rgb = image.shape()[0] == 3;
  return Made(3, image.shape()[1], image.shape()[2],
              [&](int64_t c, int64_t y, int64_t x) { return At(image, is_rgb ? c : 0, y, x); });
}

}  // namespace gradus
