// Cuts squares out of photographs. Functions; thread-safe.
#ifndef GRADUS_DATA_FACE_CROP_H_
#define GRADUS_DATA_FACE_CROP_H_

#include <cstdint>

#include "core/tensor.h"
#include "data/face.h"

namespace gradus {

// Pixels [left, left + side) x [top, top + side) of an image; may reach out of it.
struct Square {
  int64_t left = 0, top = 0, side = 1;
};

// What is cut out around a face: kFaceCrop times the longer side of its box, around the box's middle.
Square SquareAround(const Extent& box);

// The smallest square from the image's top left corner that holds all of it.
Square SquareOver(int64_t height, int64_t width);

// Writes the square in another size, f32[3, size, size] in 0...1, of an image u8[3, H, W]; zeros where there is no
// image.
void CropSquare(const Tensor& image, const Square& square, int64_t size, float* out);

// The same face in the pixels of the crop.
Face FaceInCrop(const Face& face, const Square& square, int64_t size);

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_CROP_H_
