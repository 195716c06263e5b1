#include "data/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/check.h"

namespace gradus {
namespace {

// The taps along one axis of an image of `size` pixels there that is reduced by `reduction`.
void MakeTaps(const ImageView::Axis& axis, int64_t size, int reduction, Resampler::Taps* taps) {
  taps->taps.resize(axis.count);
  taps->weights.clear();
  taps->begin = size;
  taps->end = 0;
  const int64_t reduced = (size + reduction - 1) / reduction;
  const double begin = axis.box.begin / reduction, length = axis.box.length / reduction;
  const double step = length / static_cast<double>(axis.grid);
  const double radius = std::max(1.0, step);
  const auto lowest = static_cast<int64_t>(std::floor(begin));
  const int64_t highest = std::min(reduced, static_cast<int64_t>(std::ceil(begin + length)));
  for (int64_t i = 0; i < axis.count; ++i) {
    Resampler::Tap& tap = taps->taps[axis.mirrored ? axis.count - 1 - i : i];
    tap = {0, 0, static_cast<int64_t>(taps->weights.size())};
    const int64_t number = axis.first + i;
    if (number < 0 || number >= axis.grid) continue;
    const double centre = begin + (static_cast<double>(number) + 0.5) * step;
    tap.first = std::max(lowest, static_cast<int64_t>(std::floor(centre - radius + 0.5)));
    const int64_t end = std::min(highest, static_cast<int64_t>(std::floor(centre + radius + 0.5)));
    double sum = 0;
    for (int64_t p = tap.first; p < end; ++p) {
      sum += std::max(0.0, 1 - std::abs(static_cast<double>(p) + 0.5 - centre) / radius);
    }
    for (int64_t p = tap.first; p < end; ++p) {
      const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(p) + 0.5 - centre) / radius);
      taps->weights.push_back(static_cast<float>(weight / sum));
    }
    tap.count = static_cast<int>(end - tap.first);
    taps->begin = std::min(taps->begin, tap.first);
    taps->end = std::max(taps->end, end);
  }
  if (taps->begin >= taps->end) taps->begin = 0, taps->end = 1;  // nothing but zeros is seen
}

// Taps without what they take of pixels outside [begin, end), which is zero there.
Resampler::Taps Inside(const Resampler::Taps& taps, int64_t begin, int64_t end) {
  Resampler::Taps inside = taps;
  inside.begin = std::clamp(taps.begin, begin, end);
  inside.end = std::clamp(taps.end, begin, end);
  for (Resampler::Tap& tap : inside.taps) {
    const int64_t first = std::clamp(tap.first, begin, end);
    const int64_t count = std::clamp(tap.first + tap.count, begin, end) - first;
    tap = {first, static_cast<int>(count), tap.offset + (count > 0 ? first - tap.first : 0)};
  }
  return inside;
}

// A byte that counts as the number it stands for in 0...1.
struct UnitByte {
  uint8_t byte;
};
static_assert(sizeof(UnitByte) == 1);

template <typename T>
float Value(T element) {
  return static_cast<float>(element);
}
float Value(UnitByte element) { return static_cast<float>(element.byte) / 255; }

// out[i] = sum over k < count of weights[k] rows[k * stride + i], for i < length; count > 0.
template <typename T>
void WeightedRows(const T* __restrict rows, int64_t stride, const float* __restrict weights, int count, int64_t length,
                  float* __restrict out) {
  for (int64_t i = 0; i < length; ++i) out[i] = weights[0] * Value(rows[i]);
  for (int k = 1; k < count; ++k) {
    const T* __restrict row = rows + k * stride;
    const float weight = weights[k];
    for (int64_t i = 0; i < length; ++i) out[i] += weight * Value(row[i]);
  }
}

using Four = float __attribute__((vector_size(16)));

Four LoadFour(const float* from) {
  Four four;
  std::memcpy(&four, from, sizeof four);
  return four;
}

// One row of the view. row: [pixels][channels] and 3 more readable floats, its first pixel is number `origin`.
void InterpolateRow(const Resampler::Taps& columns, const float* row, int64_t origin, int64_t channels, float unit,
                    int64_t plane, float* out) {
  const auto width = static_cast<int64_t>(columns.taps.size());
  for (int64_t x = 0; x < width; ++x) {
    const Resampler::Tap& tap = columns.taps[x];
    const float* weights = columns.weights.data() + tap.offset;
    const float* from = row + (tap.first - origin) * channels;
    if (channels == 3) {
      Four sum = {0, 0, 0, 0};
      for (int k = 0; k < tap.count; ++k) sum += weights[k] * LoadFour(from + 3 * k);
      sum *= unit;
      out[x] = sum[0];
      out[plane + x] = sum[1];
      out[2 * plane + x] = sum[2];
    } else {
      float sum = 0;
      for (int k = 0; k < tap.count; ++k) sum += weights[k] * from[k];
      out[x] = unit * sum;
    }
  }
}

// What is read of an image, with `channels` (3 or 1) values for each pixel: row y begins at pixels + (y - top) *
// stride, with the pixel number `left`.
template <typename T>
struct Source {
  const T* pixels;
  int64_t stride, top, left, channels;
};

template <typename T>
void RenderFrom(const Source<T>& source, const Resampler::Taps& rows, const Resampler::Taps& columns, float unit,
                std::vector<float>* buffer, float* out) {
  const auto height = static_cast<int64_t>(rows.taps.size()), width = static_cast<int64_t>(columns.taps.size());
  const int64_t length = (columns.end - columns.begin) * source.channels;
  buffer->resize(length + 3);
  for (int64_t y = 0; y < height; ++y) {
    const Resampler::Tap& tap = rows.taps[y];
    if (tap.count == 0) {
      for (int64_t c = 0; c < source.channels; ++c) std::fill_n(out + (c * height + y) * width, width, 0.0f);
      continue;
    }
    const T* first =
        source.pixels + (tap.first - source.top) * source.stride + (columns.begin - source.left) * source.channels;
    WeightedRows(first, source.stride, rows.weights.data() + tap.offset, tap.count, length, buffer->data());
    InterpolateRow(columns, buffer->data(), columns.begin, source.channels, unit, height * width, out + y * width);
  }
}

struct UnitTable {
  float value[256];
  UnitTable() {
    for (int i = 0; i < 256; ++i) value[i] = static_cast<float>(i) / 255;
  }
};

// A view that takes pixels as they are: each tap is one pixel or none.
void CopyFrom(const Source<uint8_t>& source, const Resampler::Taps& rows, const Resampler::Taps& columns, float* out) {
  static const UnitTable units;
  const auto height = static_cast<int64_t>(rows.taps.size()), width = static_cast<int64_t>(columns.taps.size());
  for (int64_t y = 0; y < height; ++y) {
    const Resampler::Tap& row = rows.taps[y];
    const uint8_t* from = source.pixels + (row.first - source.top) * source.stride;
    for (int64_t c = 0; c < source.channels; ++c) {
      float* to = out + (c * height + y) * width;
      for (int64_t x = 0; x < width; ++x) {
        const Resampler::Tap& column = columns.taps[x];
        const bool inside = row.count > 0 && column.count > 0;
        to[x] = inside ? units.value[from[(column.first - source.left) * source.channels + c]] : 0.0f;
      }
    }
  }
}

}  // namespace

ImagePart Resampler::Prepare(const ImageView& view, int most_reduction) {
  view_ = view;
  const ImageView::Axis &down = view.vertical(), &across = view.horizontal();
  const double step =
      std::min(down.box.length / static_cast<double>(down.grid), across.box.length / static_cast<double>(across.grid));
  part_.reduction = most_reduction;
  while (part_.reduction > 1 && step < part_.reduction) part_.reduction /= 2;
  MakeTaps(down, view.image_size().height, part_.reduction, &vertical_);
  MakeTaps(across, view.image_size().width, part_.reduction, &horizontal_);
  part_.top = vertical_.begin;
  part_.left = horizontal_.begin;
  part_.size = {vertical_.end - vertical_.begin, horizontal_.end - horizontal_.begin};
  return part_;
}

void Resampler::Render(const PixelBuffer& pixels, float* out) {
  const ImagePart& there = pixels.part();
  GRADUS_CHECK(there.reduction == part_.reduction && there.top <= part_.top && there.left <= part_.left &&
               there.top + there.size.height >= part_.top + part_.size.height &&
               there.left + there.size.width >= part_.left + part_.size.width);
  const Source<uint8_t> source = {pixels.row(0), pixels.row_bytes(), there.top, there.left, pixels.channels()};
  if (view_.copies()) {
    CopyFrom(source, vertical_, horizontal_, out);
  } else {
    RenderFrom(source, vertical_, horizontal_, 1.0f / 255, &row_, out);
  }
}

void Resampler::Render(const float* image, int64_t planes, float* out) {
  GRADUS_CHECK(part_.reduction == 1);
  const ImageSize from = view_.image_size(), to = view_.size();
  for (int64_t p = 0; p < planes; ++p) {
    const Source<float> source = {image + p * from.height * from.width, from.width, 0, 0, 1};
    RenderFrom(source, vertical_, horizontal_, 1, &row_, out + p * to.height * to.width);
  }
}

void Resampler::Render(const uint8_t* inside, ImageSize size, int64_t top, int64_t left, int64_t planes, float* out) {
  GRADUS_CHECK(part_.reduction == 1);
  const ImageSize to = view_.size();
  const Taps rows = Inside(vertical_, top, top + size.height);
  const Taps columns = Inside(horizontal_, left, left + size.width);
  for (int64_t p = 0; p < planes; ++p) {
    const auto* pixels = reinterpret_cast<const UnitByte*>(inside + p * size.height * size.width);
    const Source<UnitByte> source = {pixels, size.width, top, left, 1};
    RenderFrom(source, rows, columns, 1, &row_, out + p * to.height * to.width);
  }
}

}  // namespace gradus
