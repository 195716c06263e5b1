// Marks in a picture: boxes, points, numbers. What lies outside the picture is left out. Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_MARKS_H_
#define GRADUS_EXAMPLES_MARKS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/painter.h"

namespace gradus {

struct MarkColor {
  uint8_t red, green, blue;
};

// In a picture u8[3, H, W]; coordinates in pixels of it. The outline lies inside the box, `thickness` pixels wide.
void MarkBox(const Extent& box, int64_t thickness, const MarkColor& color, Tensor* picture);

// A disc.
void MarkPoint(Point2 at, double radius, const MarkColor& color, Tensor* picture);

// Letters of `size` pixels for a pixel of the font (examples/bitmap_font.h), from the top left corner `at` on.
void MarkText(Point2 at, absl::string_view text, int64_t size, const MarkColor& color, Tensor* picture);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_MARKS_H_
