// Numbers of any range as pictures: f32[C, H, W] to shades between 0 (black) and 1. Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_SHADES_H_
#define GRADUS_EXAMPLES_SHADES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/tensor.h"

namespace gradus {

// The least and the largest of finite numbers; 0 and 0 when there are none.
struct ShadeRange {
  float least = 0, largest = 0;
};
ShadeRange RangeOf(absl::Span<const Tensor> images);
ShadeRange RangeOf(const Tensor& image);

// `range` becomes 0...1, what is outside is clamped. A range of one number becomes 0.
Tensor ToShades(const Tensor& image, const ShadeRange& range);
// Numbers with a sign: 0 becomes a middle grey, the largest magnitude of `range` black or white.
Tensor ToSignedShades(const Tensor& image, const ShadeRange& range);
// f32[1, H, W] to colours f32[3, H, W]: black, red, yellow, white from the least to the largest.
Tensor ToHeat(const Tensor& image, const ShadeRange& range);

// A part of an image. Pixels.
struct Box {
  int64_t y = 0, x = 0, height = 0, width = 0;
};
// The smallest with all numbers other than 0; empty when there are none.
Box NonzeroBox(const Tensor& image);
// The smallest that holds both; an empty one holds nothing.
Box Union(const Box& a, const Box& b);
// At least so large as asked for, as far as that fits into the image f32[C, H, W]; its middle moves as little as that
// takes.
Box Widened(const Box& box, int64_t height, int64_t width, const Shape& image);
Tensor Crop(const Tensor& image, const Box& box);

// Of another size, by the nearest pixels.
Tensor Resized(const Tensor& image, int64_t height, int64_t width);
// Channel c alone, f32[1, H, W].
Tensor Channel(const Tensor& image, int64_t c);
// Three channels: a grey image as colours, one of colours as it is.
Tensor ToRgb(const Tensor& image);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_SHADES_H_
