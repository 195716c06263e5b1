// The data set gradus.SyntheticDigits. How example i of (seed, split) is drawn, all choices from Philox:
//
//   1. the digit is i mod 10; one of its ways to be written is chosen;
//   2. the hand: every control point moves a little, then one affine map (size, slant, turn, place) takes all to
//   pixels;
//   3. the pen: curves become short line segments, and every pixel takes its distance to the nearest one; ink fades out
//      at half the pen's width;
//   4. the paper: background, contrast, and noise on every pixel; bytes of 0 ... 255, as a scanner gives them.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "data/dataset_registry.h"
#include "data/digit_glyphs.h"
#include "data/pixel_noise.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int kSide = 28;
constexpr int kPixels = kSide * kSide;
constexpr float kCenter = (kSide - 1) / 2.0f;
constexpr float kFar = 1e6f;

// A point in pixels.
struct Point {
  float x;
  float y;
};

float Uniform(RandomSequence* random, double low, double high) {
  return static_cast<float>(random->Uniform(low, high));
}

// From the unit square of a glyph to pixels.
struct Hand {
  explicit Hand(RandomSequence* random) {
    const float height = Uniform(random, 15, 22);  // pixels
    const float width = height * Uniform(random, 0.5, 0.85);
    const float turn = Uniform(random, -0.26, 0.26);  // radians: 15 degrees
    const float slant = Uniform(random, -0.15, 0.4);  // people lean to the right
    const float cosine = std::cos(turn);
    const float sine = std::sin(turn);
    xx = cosine * width;
    xy = (-cosine * slant - sine) * height;
    yx = sine * width;
    yy = (-sine * slant + cosine) * height;
    x = kCenter + Uniform(random, -3, 3);
    y = kCenter + Uniform(random, -3, 3);
    wobble = Uniform(random, 0, 0.05);
    name = (static_cast<uint64_t>(random->Next()) << 32) | random->Next();
  }

  // Equal points of a glyph are moved alike: what moves them is a function of where they are.
  Point operator()(GlyphPoint p) const {
    const Philox move(name, "wobble");
    const Philox::Block bits = move(static_cast<uint64_t>(p.x * 1000), static_cast<uint64_t>(p.y * 1000));
    const float u = p.x - 0.5f + wobble * (2 * UniformFloat(bits[0]) - 1);
    const float v = p.y - 0.5f + wobble * (2 * UniformFloat(bits[1]) - 1);
    return {x + xx * u + xy * v, y + yx * u + yy * v};
  }

  float xx, xy, yx, yy;  // linear part, in pixels
  float x, y;            // middle of the glyph
  float wobble;          // largest move of a control point, in glyph heights
  uint64_t name;         // of the moves
};

// The squared distance of each pixel to the nearest of the segments drawn so far, exact within `reach` of one.
class Pen {
 public:
  explicit Pen(float reach) : reach_(reach) { squared_.fill(kFar); }

  void Segment(Point a, Point b) {
    const int left = std::max(0, static_cast<int>(std::ceil(std::min(a.x, b.x) - reach_)));
    const int right = std::min(kSide - 1, static_cast<int>(std::floor(std::max(a.x, b.x) + reach_)));
    const int top = std::max(0, static_cast<int>(std::ceil(std::min(a.y, b.y) - reach_)));
    const int bottom = std::min(kSide - 1, static_cast<int>(std::floor(std::max(a.y, b.y) + reach_)));
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float inverse = 1 / std::max(dx * dx + dy * dy, 1e-6f);
    for (int row = top; row <= bottom; ++row) {
      for (int column = left; column <= right; ++column) {
        const float px = static_cast<float>(column) - a.x;
        const float py = static_cast<float>(row) - a.y;
        const float along = std::clamp((px * dx + py * dy) * inverse, 0.0f, 1.0f);
        const float ex = px - along * dx;
        const float ey = py - along * dy;
        float& squared = squared_[row * kSide + column];
        squared = std::min(squared, ex * ex + ey * ey);
      }
    }
  }

  // A Catmull-Rom spline through the points, as a few segments between each two of them.
  void Curve(absl::Span<const Point> points) {
    constexpr int kSegments = 4;
    Point last = points[0];
    for (size_t i = 0; i + 1 < points.size(); ++i) {
      const Point p0 = points[i == 0 ? 0 : i - 1];
      const Point p1 = points[i];
      const Point p2 = points[i + 1];
      const Point p3 = points[std::min(i + 2, points.size() - 1)];
      if (p1.x == p2.x && p1.y == p2.y) continue;  // a corner
      for (int s = 1; s <= kSegments; ++s) {
        const float t = static_cast<float>(s) / kSegments;
        const Point next = {Blend(p0.x, p1.x, p2.x, p3.x, t), Blend(p0.y, p1.y, p2.y, p3.y, t)};
        Segment(last, next);
        last = next;
      }
    }
  }

  float Distance(int pixel) const { return std::sqrt(squared_[pixel]); }

 private:
  static float Blend(float p0, float p1, float p2, float p3, float t) {
    return p1 + 0.5f * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
  }

  const float reach_;
  std::array<float, kPixels> squared_;
};

void DrawGlyph(const Glyph& glyph, const Hand& hand, Pen* pen) {
  for (const GlyphStroke& stroke : glyph) {
    std::array<Point, kMaxGlyphPoints> points;
    for (size_t i = 0; i < stroke.size(); ++i) points[i] = hand(stroke[i]);
    pen->Curve(absl::MakeConstSpan(points.data(), stroke.size()));
  }
}

// Writes the image, each value a byte divided by 255.
void Develop(const Pen& pen, float thickness, RandomSequence* random, float* image) {
  const float ink = Uniform(random, 0.55, 1);
  const float paper = Uniform(random, 0, 0.25);
  const float noise = Uniform(random, 0, 0.12);  // standard deviation
  for (int i = 0; i < kPixels; ++i) {
    const float cover = std::clamp(thickness / 2 - pen.Distance(i) + 0.5f, 0.0f, 1.0f);
    const float value = std::clamp(paper + cover * (ink - paper) + noise * NearlyNormal(random->Next()), 0.0f, 1.0f);
    image[i] = std::floor(value * 255 + 0.5f) / 255;
  }
}

class SyntheticDigitsDataset : public Dataset {
 public:
  SyntheticDigitsDataset(int64_t size, uint64_t seed, const char* name) : size_(size), seed_(seed), name_(name) {}

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    RandomSequence random(seed_, name_, static_cast<uint64_t>(index));
    const int digit = static_cast<int>(index % 10);
    const absl::Span<const Glyph> glyphs = GlyphsOfDigit(digit);
    const Glyph& glyph = glyphs[random.Below(glyphs.size())];
    const Hand hand(&random);
    const float thickness = Uniform(&random, 1.2, 3.6);  // pixels
    Pen pen(thickness / 2 + 1);
    DrawGlyph(glyph, hand, &pen);
    Develop(pen, thickness, &random, reinterpret_cast<float*>(columns[0]));
    *reinterpret_cast<int32_t*>(columns[1]) = digit;
    return absl::OkStatus();
  }

 private:
  const int64_t size_;
  const uint64_t seed_;
  const char* const name_;  // of the randomness: training and test examples differ
  const std::vector<Column> columns_ = {{"image", {DType::kFloat32, {1, kSide, kSide}}},
                                        {"label", {DType::kInt32, {}}}};
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenSyntheticDigits(const google::protobuf::Message& message,
                                                             const DatasetContext&) {
  constexpr int64_t kMostExamples = int64_t{1} << 40;
  const SyntheticDigits& config = static_cast<const SyntheticDigits&>(message);
  const bool test = config.split() == DatasetSplit::TEST;
  const int64_t examples = config.has_examples() ? config.examples() : test ? 4000 : 20000;
  if (examples < 1 || examples > kMostExamples) {
    return absl::InvalidArgumentError(
        absl::StrCat("synthetic_digits: examples ", examples, " is not between 1 and 2^40"));
  }
  return std::make_unique<SyntheticDigitsDataset>(examples, config.seed(),
                                                  test ? "synthetic_digits/test" : "synthetic_digits/train");
}

REGISTER_DATASET("gradus.SyntheticDigits", OpenSyntheticDigits);

}  // namespace
}  // namespace gradus
