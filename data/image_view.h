// What geometric transforms make of an image, without touching a pixel: a box of the image, resampled to a grid, of
// which a window is seen, perhaps in a mirror. Crops, resizes and flips in any order stay of this form, so that a chain
// of them costs one resampling.
//
//   ImageView view({375, 500});
//   view.Resize({256, 341});
//   view.Crop(16, 58, {224, 224});  // the middle
//   view.Mirror();
//
// A value.
#ifndef GRADUS_DATA_IMAGE_VIEW_H_
#define GRADUS_DATA_IMAGE_VIEW_H_

#include <cmath>
#include <cstdint>

#include "data/image.h"

namespace gradus {

class ImageView {
 public:
  // An interval of pixel edges: [begin, begin + length).
  struct Span {
    double begin = 0;
    double length = 0;
  };
  // One dimension: pixel i of the view (i-th from the end in a mirror) is number `first` + i of the `grid` equal parts
  // of the `box`. Numbers outside the grid are zeros around the image.
  struct Axis {
    Span box;
    int64_t grid = 0;
    int64_t first = 0;
    int64_t count = 0;
    bool mirrored = false;
  };

  explicit ImageView(ImageSize size) : image_(size), vertical_(Whole(size.height)), horizontal_(Whole(size.width)) {}

  // Of the image, and of what is seen of it.
  ImageSize image_size() const { return image_; }
  ImageSize size() const { return {vertical_.count, horizontal_.count}; }

  const Axis& vertical() const { return vertical_; }
  const Axis& horizontal() const { return horizontal_; }

  // A window of what is seen; it may reach out of it on every side.
  void Crop(int64_t top, int64_t left, ImageSize size);

  // What is seen in another size. What lies outside the image must not be seen now.
  void Resize(ImageSize size);

  void Mirror() { horizontal_.mirrored = !horizontal_.mirrored; }

  // Whether every pixel of the view is a pixel of the image.
  bool copies() const { return Copies(vertical_) && Copies(horizontal_); }

 private:
  static Axis Whole(int64_t length) { return {{0, static_cast<double>(length)}, length, 0, length, false}; }
  static bool Copies(const Axis& axis) {
    return axis.box.length == static_cast<double>(axis.grid) && axis.box.begin == std::floor(axis.box.begin);
  }

  ImageSize image_;
  Axis vertical_, horizontal_;
};

// Writes what a view that copies() shows: `planes` planes of elements of `element_bytes` (1, 4 or 8) bytes, row-major
// like those of the image in `in`.
void CopyView(const ImageView& view, int64_t planes, int64_t element_bytes, const uint8_t* in, uint8_t* out);

}  // namespace gradus

#endif  // GRADUS_DATA_IMAGE_VIEW_H_
