// Paints soft-edged shapes into an image in memory, for data sets that draw their examples. Shapes are given by their
// signed distance in coordinates of their own (a Frame), so the same drawing serves any size and turn; an edge is one
// pixel wide, whatever the size.
//
// Pixels: f32[3, height, width] in 0...1; pixel (x, y) covers [x, x + 1) x [y, y + 1), so its middle is (x + 0.5, y +
// 0.5). A Canvas borrows its pixels. Not thread-safe, and deterministic.
#ifndef GRADUS_DATA_PAINTER_H_
#define GRADUS_DATA_PAINTER_H_

#include <algorithm>
#include <cmath>
#include <initializer_list>

namespace gradus {

struct Point2 {
  float x = 0, y = 0;
};

struct Rgb {
  float r = 0, g = 0, b = 0;
};
inline Rgb operator*(const Rgb& a, float b) { return {a.r * b, a.g * b, a.b * b}; }
inline Rgb operator*(const Rgb& a, const Rgb& b) { return {a.r * b.r, a.g * b.g, a.b * b.b}; }
inline Rgb Mix(const Rgb& a, const Rgb& b, float t) {
  return {a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)};
}

// Coordinates of a drawing: turned by an angle, `scale` pixels a unit, with the origin at a place of the image.
class Frame {
 public:
  Frame(Point2 origin, float scale, float turn)
      : origin_(origin), scale_(scale), unit_(1 / scale), cosine_(std::cos(turn)), sine_(std::sin(turn)) {}

  float scale() const { return scale_; }
  Point2 ToPixels(Point2 p) const {
    return {origin_.x + scale_ * (cosine_ * p.x - sine_ * p.y), origin_.y + scale_ * (sine_ * p.x + cosine_ * p.y)};
  }
  Point2 FromPixels(Point2 p) const {
    const float x = (p.x - origin_.x) * unit_, y = (p.y - origin_.y) * unit_;
    return {cosine_ * x + sine_ * y, -sine_ * x + cosine_ * y};
  }

 private:
  Point2 origin_;
  float scale_, unit_, cosine_, sine_;
};

// A rectangle, in whatever coordinates.
struct Extent {
  float left = 0, top = 0, right = 0, bottom = 0;
};

class Canvas {
 public:
  Canvas(int height, int width, float* pixels) : height_(height), width_(width), pixels_(pixels) {}

  int height() const { return height_; }
  int width() const { return width_; }
  float* plane(int channel) { return pixels_ + static_cast<long>(channel) * height_ * width_; }

  // Covers pixels near `extent` (of the frame) where distance(point) is below 0, all distances in units of the frame,
  // with color(point), an Rgb.
  template <typename Distance, typename Color>
  void Paint(const Frame& frame, const Extent& extent, float opacity, Distance distance, Color color) {
    const Point2 corners[] = {frame.ToPixels({extent.left, extent.top}), frame.ToPixels({extent.right, extent.top}),
                              frame.ToPixels({extent.left, extent.bottom}),
                              frame.ToPixels({extent.right, extent.bottom})};
    Extent box = {corners[0].x, corners[0].y, corners[0].x, corners[0].y};
    for (const Point2& p : corners) {
      box = {std::min(box.left, p.x), std::min(box.top, p.y), std::max(box.right, p.x), std::max(box.bottom, p.y)};
    }
    const int left = Clip(std::floor(box.left - 1), width_), right = Clip(std::ceil(box.right + 1), width_);
    const int top = Clip(std::floor(box.top - 1), height_), bottom = Clip(std::ceil(box.bottom + 1), height_);
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        const Point2 p = frame.FromPixels({static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f});
        const float cover = opacity * std::clamp(0.5f - distance(p) * frame.scale(), 0.0f, 1.0f);
        if (cover > 0) Blend(x, y, color(p), cover);
      }
    }
  }

  // A pixel becomes this color, whatever it was before.
  void Set(int x, int y, const Rgb& color) {
    float* pixel = pixels_ + y * width_ + x;
    for (float value : {color.r, color.g, color.b}) {
      *pixel = value;
      pixel += static_cast<long>(height_) * width_;
    }
  }

  // As much of this color as `cover` says, in 0...1.
  void Blend(int x, int y, const Rgb& color, float cover) {
    if (cover >= 1) return Set(x, y, color);
    float* pixel = pixels_ + y * width_ + x;
    for (float value : {color.r, color.g, color.b}) {
      *pixel += cover * (value - *pixel);
      pixel += static_cast<long>(height_) * width_;
    }
  }

 private:
  static int Clip(float value, int most) { return static_cast<int>(std::clamp(value, 0.0f, static_cast<float>(most))); }

  int height_, width_;
  float* pixels_;
};

// Signed distances. Of an ellipse it is exact at the edge along the axes and good near it elsewhere.
inline float EllipseDistance(Point2 p, Point2 center, float radius_x, float radius_y) {
  const float x = (p.x - center.x) / radius_x, y = (p.y - center.y) / radius_y;
  return (std::sqrt(x * x + y * y) - 1) * std::min(radius_x, radius_y);
}
inline float SegmentDistance(Point2 p, Point2 a, Point2 b, float radius) {
  const float dx = b.x - a.x, dy = b.y - a.y;
  const float along = ((p.x - a.x) * dx + (p.y - a.y) * dy) / std::max(dx * dx + dy * dy, 1e-9f);
  const float t = std::clamp(along, 0.0f, 1.0f);
  const float x = p.x - a.x - t * dx, y = p.y - a.y - t * dy;
  return std::sqrt(x * x + y * y) - radius;
}
inline float RectangleDistance(Point2 p, Point2 center, float half_width, float half_height) {
  return std::max(std::abs(p.x - center.x) - half_width, std::abs(p.y - center.y) - half_height);
}

}  // namespace gradus

#endif  // GRADUS_DATA_PAINTER_H_
