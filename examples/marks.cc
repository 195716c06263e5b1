#include "examples/marks.h"

#include <algorithm>
#include <cmath>

#include "examples/bitmap_font.h"

namespace gradus {
namespace {

// Pixels [left, right) x [top, bottom).
void Fill(int64_t left, int64_t top, int64_t right, int64_t bottom, const MarkColor& color, Tensor* picture) {
  const int64_t height = picture->shape()[1], width = picture->shape()[2];
  left = std::clamp<int64_t>(left, 0, width);
  right = std::clamp<int64_t>(right, left, width);
  const uint8_t channels[] = {color.red, color.green, color.blue};
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = std::max<int64_t>(top, 0); y < std::min(bottom, height); ++y) {
      std::fill_n(picture->data() + (c * height + y) * width + left, right - left, channels[c]);
    }
  }
}

int64_t Rounded(float value) { return std::llround(std::clamp(value, -1e6f, 1e6f)); }

}  // namespace

void MarkBox(const Extent& box, int64_t thickness, const MarkColor& color, Tensor* picture) {
  const int64_t left = Rounded(box.left), top = Rounded(box.top);
  const int64_t right = Rounded(box.right), bottom = Rounded(box.bottom);
  Fill(left, top, right, top + thickness, color, picture);
  Fill(left, bottom - thickness, right, bottom, color, picture);
  Fill(left, top, left + thickness, bottom, color, picture);
  Fill(right - thickness, top, right, bottom, color, picture);
}

void MarkPoint(Point2 at, double radius, const MarkColor& color, Tensor* picture) {
  const auto reach = static_cast<int64_t>(std::ceil(radius));
  const auto column = static_cast<int64_t>(std::floor(std::clamp(at.x, -1e6f, 1e6f)));
  const auto row = static_cast<int64_t>(std::floor(std::clamp(at.y, -1e6f, 1e6f)));
  for (int64_t y = row - reach; y <= row + reach; ++y) {
    for (int64_t x = column - reach; x <= column + reach; ++x) {
      const double dx = static_cast<double>(x) + 0.5 - at.x, dy = static_cast<double>(y) + 0.5 - at.y;
      if (dx * dx + dy * dy <= radius * radius) Fill(x, y, x + 1, y + 1, color, picture);
    }
  }
}

void MarkText(Point2 at, absl::string_view text, int64_t size, const MarkColor& color, Tensor* picture) {
  int64_t left = Rounded(at.x);
  const int64_t top = Rounded(at.y);
  for (char letter : text) {
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        const int64_t x = left + column * size, y = top + row * size;
        if (GlyphPixel(letter, column, row)) Fill(x, y, x + size, y + size, color, picture);
      }
    }
    left += kGlyphAdvance * size;
  }
}

}  // namespace gradus
