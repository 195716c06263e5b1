#include "data/face_picture.h"

#include <algorithm>
#include <cmath>

#include "data/pixel_noise.h"

namespace gradus {
namespace {

constexpr float kTurn = 6.2831853f;

float Uniform(RandomSequence* random, double low, double high) {
  return static_cast<float>(random->Uniform(low, high));
}

Rgb RandomColor(RandomSequence* random) {
  const float r = Uniform(random, 0.05, 0.95), g = Uniform(random, 0.05, 0.95);
  return {r, g, Uniform(random, 0.05, 0.95)};
}

// Half of the time that of skin or hair, so that colour alone makes no face.
Rgb ShapeColor(RandomSequence* random) {
  const Rgb any = RandomColor(random);
  const float tone = Uniform(random, 0, 1), kind = Uniform(random, 0, 1);
  if (kind < 0.3f) return Mix({0.95f, 0.79f, 0.68f}, {0.4f, 0.26f, 0.18f}, tone);
  return kind < 0.5f ? Mix({0.08f, 0.06f, 0.05f}, {0.6f, 0.45f, 0.28f}, tone) : any;
}

void DrawShape(RandomSequence* random, Canvas* canvas) {
  const auto height = static_cast<float>(canvas->height()), width = static_cast<float>(canvas->width());
  const float side = std::min(height, width);
  const Point2 origin = {Uniform(random, 0, width), Uniform(random, 0, height)};
  const Frame frame(origin, 1, Uniform(random, 0, kTurn));
  const float a = side * Uniform(random, 0.04, 0.3), b = a * Uniform(random, 0.3, 1);
  const Rgb color = ShapeColor(random), other = ShapeColor(random);
  const float opacity = Uniform(random, 0.4, 1), wave = Uniform(random, 3, 12);
  const Extent extent = {-a, -b, a, b};
  switch (random->Below(4)) {
    case 0:
      return canvas->Paint(
          frame, extent, opacity,
          [&](Point2 p) {
            return EllipseDistance(p, {0, 0}, a, b);
          },
          [&](Point2) { return color; });
    case 1:
      return canvas->Paint(
          frame, extent, opacity,
          [&](Point2 p) {
            return RectangleDistance(p, {0, 0}, a, b);
          },
          [&](Point2 p) { return std::fmod(std::abs(p.x), wave) < wave / 2 ? color : other; });
    case 2:
      return canvas->Paint(
          frame, extent, opacity,
          [&](Point2 p) {
            return RectangleDistance(p, {0, 0}, a, b);
          },
          [&](Point2) { return color; });
    default:
      return canvas->Paint(
          frame, {-3 * a, -2, 3 * a, 2}, opacity,
          [&](Point2 p) {
            return SegmentDistance(p, {-3 * a, 0}, {3 * a, 0}, 0.02f * a + 0.5f);
          },
          [&](Point2) { return color; });
  }
}

// Mixes each pixel with its neighbours along rows (step 1) or columns (step width): weight / 4 for each of the two.
void BlurAlong(float weight, int length, int step, int lines, int line_step, float* plane) {
  for (int line = 0; line < lines; ++line, plane += line_step) {
    float before = plane[0];
    for (int i = 0; i < length; ++i) {
      const float here = plane[i * step], after = plane[std::min(i + 1, length - 1) * step];
      plane[i * step] = here + weight / 4 * (before + after - 2 * here);
      before = here;
    }
  }
}

void Blur(float weight, Canvas* canvas) {
  const int height = canvas->height(), width = canvas->width();
  for (int c = 0; c < 3; ++c) {
    BlurAlong(weight, width, 1, height, width, canvas->plane(c));
    BlurAlong(weight, height, width, width, 1, canvas->plane(c));
  }
}

// Everything beyond the edge of a turned sheet or screen.
void DrawEdge(RandomSequence* random, Canvas* canvas) {
  const auto height = static_cast<float>(canvas->height()), width = static_cast<float>(canvas->width());
  const Point2 middle = {width * Uniform(random, 0.46, 0.54), height * Uniform(random, 0.46, 0.54)};
  const Frame frame(middle, 1, Uniform(random, -0.12, 0.12));
  const float half_width = width * Uniform(random, 0.40, 0.54), half_height = height * Uniform(random, 0.40, 0.54);
  const float margin = width * Uniform(random, 0.01, 0.06);
  const Rgb paper = Rgb{1, 1, 1} * (random->Uniform() < 0.5 ? Uniform(random, 0.75, 0.95) : Uniform(random, 0.05, 0.2));
  const Rgb behind = RandomColor(random);
  const Extent all = {-width, -height, width, height};
  canvas->Paint(
      frame, all, 1,
      [&](Point2 p) {
        return -RectangleDistance(p, {0, 0}, half_width, half_height);
      },
      [&](Point2) { return paper; });
  canvas->Paint(
      frame, all, 1,
      [&](Point2 p) {
        return -RectangleDistance(p, {0, 0}, half_width + margin, half_height + margin);
      },
      [&](Point2) { return behind; });
}

struct Wave {
  Wave(RandomSequence* random, double shortest, double longest) {
    const float angle = Uniform(random, 0, kTurn), length = Uniform(random, shortest, longest);
    x = kTurn * std::cos(angle) / length;
    y = kTurn * std::sin(angle) / length;
    phase = Uniform(random, 0, kTurn);
  }
  float x, y, phase;  // radians a pixel; of the pixel (0, 0)
};

// A wave's values along a row, one after the other, each from the one before by a rotation.
class WaveRow {
 public:
  WaveRow(const Wave& wave, int row) : cosine_(std::cos(wave.x)), sine_(std::sin(wave.x)) {
    const float angle = wave.y * static_cast<float>(row) + wave.phase;
    value_ = {std::cos(angle), std::sin(angle)};
  }
  float Next() {
    const float value = value_.y;
    value_ = {cosine_ * value_.x - sine_ * value_.y, sine_ * value_.x + cosine_ * value_.y};
    return value;
  }

 private:
  float cosine_, sine_;
  Point2 value_;
};

// The values of bytes in 0...1.
struct Bytes {
  Bytes() {
    for (int i = 0; i < 256; ++i) unit[i] = static_cast<float>(i) / 255;
  }
  float unit[256];
};

}  // namespace

void DrawBackground(RandomSequence* random, int shapes, Canvas* canvas) {
  const Rgb from = RandomColor(random), to = Mix(from, RandomColor(random), 0.6f);
  const float angle = Uniform(random, 0, kTurn), across = std::cos(angle), down = std::sin(angle);
  for (int y = 0; y < canvas->height(); ++y) {
    for (int x = 0; x < canvas->width(); ++x) {
      const float u = static_cast<float>(x) / static_cast<float>(canvas->width()) - 0.5f;
      const float v = static_cast<float>(y) / static_cast<float>(canvas->height()) - 0.5f;
      canvas->Set(x, y, Mix(from, to, 0.5f + 0.7f * (u * across + v * down)));
    }
  }
  for (int i = 0; i < shapes; ++i) DrawShape(random, canvas);
}

void TakePicture(RandomSequence* random, Canvas* canvas) {
  static const Bytes bytes;
  Blur(Uniform(random, 0, 0.6), canvas);
  const float exposure = Uniform(random, 0.8, 1.15);
  const float gains[] = {exposure * Uniform(random, 0.92, 1.08), exposure, exposure * Uniform(random, 0.9, 1.1)};
  const float lift = Uniform(random, -0.02, 0.06), noise = Uniform(random, 0.005, 0.022);
  const int pixels = canvas->height() * canvas->width();
  for (int c = 0; c < 3; ++c) {
    float* plane = canvas->plane(c);
    for (int i = 0; i < pixels; ++i) {
      const float value = plane[i] * gains[c] + lift + noise * NearlyNormal(random->Next());
      plane[i] = bytes.unit[static_cast<int>(std::clamp(value, 0.0f, 1.0f) * 255 + 0.5f)];
    }
  }
}

void FlattenLight(RandomSequence* random, Shot* shot) { shot->light_strength *= Uniform(random, 0, 0.4); }

void MakeSpoof(RandomSequence* random, Canvas* canvas) {
  const float contrast = Uniform(random, 0.7, 0.95), haze = Uniform(random, 0.44, 0.58);
  const float tint[] = {Uniform(random, 0.94, 1.02), 1, Uniform(random, 0.96, 1.1)};
  const Wave grid(random, 2.7, 6), other(random, 2.7, 6), beat(random, 9, 30);
  const float strength = Uniform(random, 0.03, 0.065);
  const bool edge = random->Uniform() < 0.5, glare = random->Uniform() < 0.4;
  const Wave band(random, 60, 120);
  const float shine = Uniform(random, 0.03, 0.12);
  for (int y = 0; y < canvas->height(); ++y) {
    WaveRow grids(grid, y), others(other, y), beats(beat, y), bands(band, y);
    for (int x = 0; x < canvas->width(); ++x) {
      const float waves = grids.Next() + 0.6f * others.Next() + 0.7f * beats.Next();
      const float light = glare ? shine * std::max(0.0f, bands.Next()) : 0;
      for (int c = 0; c < 3; ++c) {
        float& value = canvas->plane(c)[y * canvas->width() + x];
        const float sign = c == 1 ? -1.0f : 1.0f;  // the colours of a grid lie beside each other
        value = (haze + contrast * (value - 0.5f)) * tint[c] * (1 + strength * sign * waves) + light;
      }
    }
  }
  if (edge) DrawEdge(random, canvas);
}

}  // namespace gradus
