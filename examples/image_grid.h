// A picture of many small images side by side, each with a line of text under it. Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_IMAGE_GRID_H_
#define GRADUS_EXAMPLES_IMAGE_GRID_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace gradus {

// Of a picture, at most.
constexpr int64_t kMostGridPixels = int64_t{1} << 26;

// f32[C, H, W] images of one type, with their captions. Values have any range: each channel is stretched so that its
// least and its largest value over all images become black and white, which undoes a normalisation. Three channels are
// RGB; of any other number the first is shown in grey. Not-a-number is black.
struct CaptionedImages {
  std::vector<Tensor> images;
  std::vector<std::string> captions;  // as many; empty ones leave no room when all are
  int64_t columns = 0;                // images in a row; 0: as many as make the picture about square
  int64_t column_multiple = 1;        // so many images, or a multiple of it, stand in a row: they belong together
  bool stretch = true;                // false: values are shades already, 0 black and 1 white
};

// The picture, u8[3, height, width], about square. Small images are enlarged by a whole factor, so that pixels stay
// squares; captions that are too long are cut. An error when the picture exceeds what a PNG may hold (data/png.h).
absl::StatusOr<Tensor> DrawImageGrid(const CaptionedImages& captioned);

// Draws the grid and writes it as a PNG file, whose path is a user's. Says so in a line on stdout: "out.png: <what, if
// it is not empty>, 640 x 480 pixels".
absl::Status WriteImageGrid(const CaptionedImages& captioned, absl::string_view output, absl::string_view what = "");

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_IMAGE_GRID_H_
