#include "data/face_portrait.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

constexpr float kDepth = 0.8f;  // of the ellipsoid, in half heights of the face

// A place on the face that a feature is drawn at: where it is seen, and how much narrower than from the front.
struct Spot {
  Point2 at;
  float narrow;
};

class Portrait {
 public:
  Portrait(const Person& person, const Shot& shot) : p_(person), s_(shot), frame_(shot.center, shot.size, shot.roll) {}

  Face Geometry() const {
    Face face;
    const Spot eyes[] = {Eye(-1), Eye(1)};
    const Mouth mouth = FindMouth();
    const Point2 points[] = {eyes[0].at, eyes[1].at, NoseTip().at, mouth.left, mouth.right};
    for (int i = 0; i < kLandmarks; ++i) face.landmarks[i] = frame_.ToPixels(points[i]);
    const float c = std::cos(s_.roll), s = std::sin(s_.roll);
    const float half_width = s_.size * std::hypot(p_.width * c, s), half_height = s_.size * std::hypot(p_.width * s, c);
    face.box = {s_.center.x - half_width, s_.center.y - half_height, s_.center.x + half_width,
                s_.center.y + half_height};
    return face;
  }

  void Draw(Canvas* canvas) const {
    DrawBody(canvas);
    DrawSkull(canvas);
    DrawBeard(canvas);
    DrawMouth(canvas);
    DrawNose(canvas);
    for (int side : {-1, 1}) DrawEye(side, canvas);
    DrawFringe(canvas);
    for (int side : {-1, 1}) DrawBrow(side, canvas);
    if (p_.glasses > 0) DrawGlasses(canvas);
  }

 private:
  struct Mouth {
    Point2 left, right;
    float middle;  // y of the line between the lips, at the middle
  };

  Spot Project(float x, float y, float out = 0) const {
    const float inside = std::max(0.06f, 1 - x * x / (p_.width * p_.width) - y * y);
    const float root = std::sqrt(inside), z = kDepth * root + out;
    const float turned = x * std::cos(s_.yaw) + z * std::sin(s_.yaw);
    const float depth = -x * std::sin(s_.yaw) + z * std::cos(s_.yaw);
    const float nodded = y * std::cos(s_.pitch) + (depth - kDepth) * std::sin(s_.pitch) + kDepth * std::sin(s_.pitch);
    const float slope = std::cos(s_.yaw) - kDepth * x / (p_.width * p_.width * root) * std::sin(s_.yaw);
    return {{turned, nodded}, std::clamp(slope, 0.35f, 1.2f)};
  }
  Spot Eye(int side) const { return Project(static_cast<float>(side) * p_.eye_x, p_.eye_y); }
  Spot NoseTip() const { return Project(0, p_.nose_y, 0.12f); }
  Mouth FindMouth() const {
    const float width = p_.mouth_width * (1 + 0.18f * s_.smile), lift = 0.07f * s_.smile;
    return {Project(-width, p_.mouth_y - lift).at, Project(width, p_.mouth_y - lift).at,
            Project(0, p_.mouth_y + 0.3f * lift).at.y};
  }

  // Of the face's oval; the lower half is narrower, and squarer: x^2 + y^2 - s x^2 y^2 = 1, a circle for s = 0 and a
  // square for s = 1 (Fernandez Guasti, "Analytic geometry of some rectilinear figures", 1992).
  float OvalDistance(Point2 p) const {
    if (p.y <= 0) return EllipseDistance(p, {0, 0}, p_.width, 1);
    const float y = std::min(p.y, 1.2f), width = p_.width * (1 - p_.chin * y * y);
    const float x = std::min(std::abs(p.x) / width, 1.2f);
    return (std::sqrt(x * x + y * y - 0.75f * p_.jaw * x * x * y * y) - 1) * width;
  }
  float Lit(Point2 p) const {
    const float x = std::clamp(p.x / p_.width, -1.3f, 1.3f), y = std::clamp(p.y, -1.3f, 1.3f);
    return s_.ambient * (1 + s_.light_strength * (x * s_.light.x + y * s_.light.y - 0.35f * (x * x + y * y)));
  }
  template <typename Distance>
  void Paint(Canvas* canvas, const Extent& extent, float opacity, const Rgb& color, Distance distance) const {
    canvas->Paint(frame_, extent, opacity, distance, [&](Point2 p) { return color * Lit(p); });
  }
  void Ellipse(Canvas* canvas, Point2 center, float rx, float ry, const Rgb& color, float opacity = 1) const {
    Paint(canvas, {center.x - rx, center.y - ry, center.x + rx, center.y + ry}, opacity, color,
          [&](Point2 p) { return EllipseDistance(p, center, rx, ry); });
  }
  void Line(Canvas* canvas, Point2 a, Point2 b, float radius, const Rgb& color, float opacity = 1) const {
    Paint(canvas,
          {std::min(a.x, b.x) - radius, std::min(a.y, b.y) - radius, std::max(a.x, b.x) + radius,
           std::max(a.y, b.y) + radius},
          opacity, color, [&](Point2 p) { return SegmentDistance(p, a, b, radius); });
  }

  void DrawBody(Canvas* canvas) const {
    const float outer = p_.width + p_.hair_volume;
    if (p_.hair_length > 0) {
      Paint(canvas, {-outer, 0, outer, p_.hair_length}, 1, p_.hair * 0.8f, [&](Point2 p) {
        return RectangleDistance(p, {0, p_.hair_length / 2}, outer * (1 - 0.12f * p.y), p_.hair_length / 2);
      });
    }
    Paint(canvas, {-0.5f, 0.5f, 0.5f, 1.7f}, 1, p_.skin * 0.8f, [&](Point2 p) {
      return RectangleDistance(p, {0, 1.1f}, 0.62f * p_.width, 0.6f);
    });
    Ellipse(canvas, {0, 2.15f}, 1.6f, 0.85f, s_.clothes);
    Ellipse(canvas, {0, -0.08f}, outer, 0.94f + p_.hair_volume, p_.hair * 0.9f);
    for (float side : {-1.0f, 1.0f}) {
      Ellipse(canvas, {side * p_.width + 0.12f * s_.yaw, 0.02f}, 0.45f * p_.ears, p_.ears, p_.skin * 0.88f);
    }
  }

  void DrawSkull(Canvas* canvas) const {
    Paint(canvas, {-p_.width, -1, p_.width, 1}, 1, p_.skin, [&](Point2 p) { return OvalDistance(p); });
    if (p_.mole_size > 0)
      Ellipse(canvas, Project(p_.mole.x, p_.mole.y).at, p_.mole_size, p_.mole_size, p_.skin * 0.35f);
  }

  void DrawFringe(Canvas* canvas) const {
    const float shift = kDepth * std::sin(s_.yaw);
    const float line = Project(0, p_.hairline).at.y;
    Paint(canvas, {-p_.width - 0.05f, -1.05f, p_.width + 0.05f, 0.6f}, 1, p_.hair, [&](Point2 p) {
      const float x = p.x - shift;
      const float edge = line + p_.hair_slant * x + p_.hair_side * x * x;
      return std::max(OvalDistance(p) - 0.02f, 0.7f * (p.y - std::min(edge, p_.hair_side - 0.1f)));
    });
  }

  void DrawBeard(Canvas* canvas) const {
    const Mouth mouth = FindMouth();
    const float middle = (mouth.left.x + mouth.right.x) / 2;
    if (p_.beard > 0) {
      Paint(canvas, {-p_.width, 0, p_.width, 1}, p_.beard, p_.hair * 0.9f, [&](Point2 p) {
        const float x = p.x - middle;
        return std::max(OvalDistance(p), 0.7f * (mouth.middle - 0.08f - 0.9f * x * x - p.y));
      });
    }
    if (p_.moustache > 0) {
      const float y = mouth.middle - p_.lip_height - 0.06f;
      Line(canvas, {mouth.left.x, y + 0.03f}, {middle, y - 0.01f}, 0.05f, p_.hair, p_.moustache);
      Line(canvas, {mouth.right.x, y + 0.03f}, {middle, y - 0.01f}, 0.05f, p_.hair, p_.moustache);
    }
  }

  // The lips lie around a parabola through the corners and the middle.
  void DrawMouth(Canvas* canvas) const {
    const Mouth m = FindMouth();
    const float half = std::max(0.05f, (m.right.x - m.left.x) / 2), middle = (m.left.x + m.right.x) / 2;
    const float open = 0.13f * s_.mouth_open;
    const auto beside = [&](Point2 p, float thick) {
      const float t = (p.x - middle) / half;
      const float line = m.middle + t * (m.right.y - m.left.y) / 2 + t * t * ((m.left.y + m.right.y) / 2 - m.middle);
      return std::max(std::abs(p.y - line) - thick * std::sqrt(std::max(0.0f, 1 - t * t)), (std::abs(t) - 1) * half);
    };
    const Extent extent = {m.left.x, m.middle - 0.35f, m.right.x, m.middle + 0.35f};
    Paint(canvas, extent, 1, p_.lips, [&](Point2 p) { return beside(p, p_.lip_height + open); });
    Paint(canvas, extent, 1, {0.2f, 0.06f, 0.06f}, [&](Point2 p) { return beside(p, 0.008f + open); });
    for (const Point2& corner : {m.left, m.right}) Ellipse(canvas, corner, 0.035f, 0.03f, p_.skin * 0.5f);
    if (open < 0.03f) return;
    Paint(canvas, extent, 1, {0.9f, 0.88f, 0.84f},
          [&](Point2 p) { return std::max(beside(p, open * 0.85f), p.y - m.middle + 0.1f * open); });
  }

  void DrawNose(Canvas* canvas) const {
    const Spot tip = NoseTip();
    const Point2 root = Project(0, p_.eye_y + 0.02f).at;
    const float side = s_.light.x > 0 ? -1.0f : 1.0f;
    const float width = p_.nose_width * tip.narrow;
    Line(canvas, {root.x + side * 0.3f * width, root.y}, {tip.at.x + side * 0.75f * width, tip.at.y}, 0.022f,
         p_.skin * 0.74f, p_.nose_bridge);
    Ellipse(canvas, {tip.at.x, tip.at.y + 0.015f}, width, 0.07f, p_.skin * 0.8f);
    Ellipse(canvas, {tip.at.x, tip.at.y - 0.015f}, 0.75f * width, 0.06f, p_.skin * 1.13f);
    for (float at : {-1.0f, 1.0f}) {
      Ellipse(canvas, {tip.at.x + at * 0.55f * width, tip.at.y + 0.055f}, 0.3f * width, 0.022f, p_.skin * 0.4f);
    }
  }

  void DrawEye(int side, Canvas* canvas) const {
    const Spot eye = Eye(side);
    const float rx = p_.eye_width * eye.narrow, ry = p_.eye_height * s_.eyes_open;
    const float tilt = static_cast<float>(side) * p_.eye_tilt;
    const auto lid = [&](Point2 p) { return EllipseDistance({p.x, p.y - tilt * (p.x - eye.at.x)}, eye.at, rx, ry); };
    const Extent extent = {eye.at.x - rx - 0.03f, eye.at.y - 2 * ry - 0.04f, eye.at.x + rx + 0.03f,
                           eye.at.y + 2 * ry + 0.04f};
    Paint(canvas, extent, 1, p_.skin * 0.45f, [&](Point2 p) { return lid(p) - 0.02f; });
    Paint(canvas, extent, 1, {0.93f, 0.92f, 0.9f}, lid);
    const Point2 iris = {eye.at.x + 0.3f * s_.gaze * rx, eye.at.y};
    const float radius = 0.062f * p_.iris_size;
    Paint(canvas, extent, 1, p_.iris,
          [&](Point2 p) { return std::max(lid(p), EllipseDistance(p, iris, radius, radius)); });
    Paint(canvas, extent, 1, {0.02f, 0.02f, 0.02f},
          [&](Point2 p) { return std::max(lid(p), EllipseDistance(p, iris, 0.45f * radius, 0.45f * radius)); });
  }

  void DrawBrow(int side, Canvas* canvas) const {
    const Spot brow = Project(static_cast<float>(side) * p_.eye_x, p_.eye_y - p_.brow_gap - 0.06f * s_.brow_raise);
    const float half = p_.brow_width * brow.narrow, rise = static_cast<float>(side) * p_.brow_tilt * half;
    Line(canvas, {brow.at.x - half, brow.at.y - rise}, {brow.at.x + half, brow.at.y + rise}, p_.brow_thickness, p_.brow,
         0.95f);
  }

  void DrawGlasses(Canvas* canvas) const {
    const Spot eyes[] = {Eye(-1), Eye(1)};
    for (const Spot& eye : eyes) {
      const float rx = p_.glasses * eye.narrow, ry = 0.8f * p_.glasses;
      Paint(canvas, {eye.at.x - rx - 0.03f, eye.at.y - ry - 0.03f, eye.at.x + rx + 0.03f, eye.at.y + ry + 0.03f}, 0.95f,
            p_.glasses_color, [&](Point2 p) { return std::abs(EllipseDistance(p, eye.at, rx, ry)) - 0.022f; });
    }
    Line(canvas, {eyes[0].at.x + p_.glasses * eyes[0].narrow, eyes[0].at.y},
         {eyes[1].at.x - p_.glasses * eyes[1].narrow, eyes[1].at.y}, 0.02f, p_.glasses_color, 0.95f);
  }

  const Person& p_;
  const Shot& s_;
  const Frame frame_;
};

}  // namespace

Shot RandomShot(RandomSequence* random, Point2 center, float size) {
  const auto uniform = [random](double low, double high) { return static_cast<float>(random->Uniform(low, high)); };
  Shot shot{};
  shot.center = center;
  shot.size = size;
  shot.roll = uniform(-0.25, 0.25);
  shot.yaw = uniform(-0.32, 0.32);
  shot.pitch = uniform(-0.2, 0.2);
  shot.smile = uniform(-0.5, 1);
  const float open = uniform(0, 1);
  shot.mouth_open = open * open;
  shot.eyes_open = uniform(0.55, 1.1);
  shot.brow_raise = uniform(-0.5, 1);
  shot.gaze = uniform(-1, 1);
  const float angle = uniform(0, 6.2832);
  shot.light = {std::cos(angle), std::sin(angle)};
  shot.light_strength = uniform(0.1, 0.5);
  shot.ambient = uniform(0.75, 1.1);
  const float red = uniform(0.05, 0.95), green = uniform(0.05, 0.95);
  shot.clothes = {red, green, uniform(0.05, 0.95)};
  return shot;
}

Face FaceOf(const Person& person, const Shot& shot) { return Portrait(person, shot).Geometry(); }

void DrawPortrait(const Person& person, const Shot& shot, Canvas* canvas) { Portrait(person, shot).Draw(canvas); }

}  // namespace gradus
