// A face in an image, as data sets annotate it. Values.
#ifndef GRADUS_DATA_FACE_H_
#define GRADUS_DATA_FACE_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "data/painter.h"

namespace gradus {

constexpr int kLandmarks = 5;

// A face is cut out with a square around the middle of its box whose side is so many times the box's longer one.
constexpr float kFaceCrop = 1.2f;

// In the order of every column and file: the eyes, the tip of the nose, the corners of the mouth; left as seen in the
// image.
using Landmarks = std::array<Point2, kLandmarks>;

struct Face {
  Extent box;           // pixels, edges included
  Landmarks landmarks;  // pixels
  bool has_landmarks = true;
  int live = -1;          // 1: a person, 0: a picture of one, -1: not known
  int32_t identity = -1;  // who it is; -1: not known
};

// Area of what two boxes have in common to that of both together; 0 where there is none.
inline double IntersectionOverUnion(const Extent& a, const Extent& b) {
  const auto area = [](const Extent& e) {
    return std::max(0.0, double{e.right} - e.left) * std::max(0.0, double{e.bottom} - e.top);
  };
  const double common = area(
      {std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right), std::min(a.bottom, b.bottom)});
  const double both = area(a) + area(b) - common;
  return both > 0 ? common / both : 0;
}

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_H_
