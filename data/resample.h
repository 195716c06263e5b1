// Renders a view of an image: bilinear interpolation, with a triangle as wide as the step from pixel to pixel where the
// view shrinks the image, so that every pixel of it counts (as Pillow's BILINEAR and torchvision's antialias=True).
// Only pixels of the view's box are looked at. Zeros around the image are zero.
//
// Not thread-safe: a Resampler belongs to one thread; it keeps its memory.
#ifndef GRADUS_DATA_RESAMPLE_H_
#define GRADUS_DATA_RESAMPLE_H_

#include <cstdint>
#include <vector>

#include "data/image.h"
#include "data/image_view.h"

namespace gradus {

class Resampler {
 public:
  // Readies a view of an image that a decoder can reduce by up to `most_reduction`. Returns the part of the image that
  // rendering needs, reduced as far as the view has no more pixels than that.
  ImagePart Prepare(const ImageView& view, int most_reduction);

  // Renders the prepared view of the decoded part (which may hold more than was asked for) to f32[channels,
  // height, width] in 0...1.
  void Render(const PixelBuffer& pixels, float* out);

  // Renders the prepared view, of reduction 1, of a whole image f32[planes, H, W] to f32[planes, height, width].
  void Render(const float* image, int64_t planes, float* out);

  // Renders the prepared view, of reduction 1, of an image that is zeros but for u8[planes, size.height, size.width] in
  // it, from (top, left) on: to f32[planes, height, width] in 0...1. Nothing as large as the image is made of it.
  void Render(const uint8_t* inside, ImageSize size, int64_t top, int64_t left, int64_t planes, float* out);

  // What one pixel of the view is made of: `count` pixels from number `first` on, times weights[offset...].
  struct Tap {
    int64_t first = 0;
    int count = 0;
    int64_t offset = 0;
  };
  struct Taps {
    std::vector<Tap> taps;
    std::vector<float> weights;
    int64_t begin = 0, end = 0;  // all pixels that are looked at
  };

 private:
  ImageView view_{ImageSize()};
  ImagePart part_;
  Taps vertical_, horizontal_;
  std::vector<float> row_;  // weighted rows of the image
};

}  // namespace gradus

#endif  // GRADUS_DATA_RESAMPLE_H_
