#include "data/image_view.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"

namespace gradus {
namespace {

void CropAxis(int64_t begin, int64_t length, ImageView::Axis* axis) {
  axis->first += axis->mirrored ? axis->count - begin - length : begin;
  axis->count = length;
}

void ResizeAxis(int64_t length, ImageView::Axis* axis) {
  GRADUS_CHECK(axis->first >= 0 && axis->first + axis->count <= axis->grid);
  const bool whole = axis->count == axis->grid;
  const double part = axis->box.length / static_cast<double>(axis->grid);
  if (!whole) {
    axis->box = {axis->box.begin + static_cast<double>(axis->first) * part, static_cast<double>(axis->count) * part};
  }
  axis->grid = axis->count = length;
  axis->first = 0;
}

// How a row of a view that copies lies over the zeros and pixels of a row: zeros, pixels from number `first` on, zeros.
struct Overlap {
  int64_t before = 0, first = 0, pixels = 0, after = 0;
};

Overlap OverlapOf(const ImageView::Axis& axis) {
  Overlap overlap;
  overlap.before = std::clamp<int64_t>(-axis.first, 0, axis.count);
  const int64_t end = std::clamp<int64_t>(axis.grid - axis.first, overlap.before, axis.count);
  overlap.first = static_cast<int64_t>(axis.box.begin) + axis.first + overlap.before;
  overlap.pixels = end - overlap.before;
  overlap.after = axis.count - end;
  return overlap;
}

template <typename Element>
void MirrorRow(int64_t width, uint8_t* row) {
  std::reverse(reinterpret_cast<Element*>(row), reinterpret_cast<Element*>(row) + width);
}

void MirrorRow(int64_t width, int64_t element_bytes, uint8_t* row) {
  switch (element_bytes) {
    case 1:
      return MirrorRow<uint8_t>(width, row);
    case 4:
      return MirrorRow<uint32_t>(width, row);
    case 8:
      return MirrorRow<uint64_t>(width, row);
  }
}

}  // namespace

void CopyView(const ImageView& view, int64_t planes, int64_t element_bytes, const uint8_t* in, uint8_t* out) {
  GRADUS_CHECK(view.copies() && !view.vertical().mirrored);
  const ImageSize image = view.image_size(), size = view.size();
  const Overlap rows = OverlapOf(view.vertical()), columns = OverlapOf(view.horizontal());
  const int64_t row_bytes = size.width * element_bytes, in_row_bytes = image.width * element_bytes;
  for (int64_t plane = 0; plane < planes; ++plane, in += image.height * in_row_bytes) {
    std::memset(out, 0, rows.before * row_bytes);
    out += rows.before * row_bytes;
    const uint8_t* from = in + rows.first * in_row_bytes + columns.first * element_bytes;
    for (int64_t y = 0; y < rows.pixels; ++y, from += in_row_bytes, out += row_bytes) {
      uint8_t* to = out;
      std::memset(to, 0, columns.before * element_bytes);
      to += columns.before * element_bytes;
      if (columns.pixels > 0) std::memcpy(to, from, columns.pixels * element_bytes);
      std::memset(to + columns.pixels * element_bytes, 0, columns.after * element_bytes);
      if (view.horizontal().mirrored) MirrorRow(size.width, element_bytes, out);
    }
    std::memset(out, 0, rows.after * row_bytes);
    out += rows.after * row_bytes;
  }
}

void ImageView::Crop(int64_t top, int64_t left, ImageSize size) {
  CropAxis(top, size.height, &vertical_);
  CropAxis(left, size.width, &horizontal_);
}

void ImageView::Resize(ImageSize size) {
  ResizeAxis(size.height, &vertical_);
  ResizeAxis(size.width, &horizontal_);
}

}  // namespace gradus
