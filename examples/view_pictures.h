// The pictures that `visualize` draws of a trained network, by name: grids of shades with captions.
#ifndef GRADUS_EXAMPLES_VIEW_PICTURES_H_
#define GRADUS_EXAMPLES_VIEW_PICTURES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "examples/image_grid.h"
#include "examples/viewer.h"

namespace gradus {

struct PictureOptions {
  std::string layer;               // empty: the model's output; `filters` and `features` need one
  std::vector<int64_t> units;      // empty: the likeliest class of an image, or the first few
  std::vector<std::string> files;  // images; empty: the first `count` examples of the evaluation data
  int64_t count = 8;               // examples, of each unit or altogether
  int64_t search = 1000;           // deconvolution: examples among which the strongest are found
  int64_t square = 7, stride = 1;  // occlusion: see OcclusionOptions
  int64_t steps = 100;             // maximize: of ascent, each `rate` long as a part of the images' range of values
  double rate = 0.05, blur = 0.2;  // see AscentOptions
  uint64_t seed = 1;               // maximize: of the noise that it starts from
};

// "filters", "features", "deconvolution", "guided", "saliency", "occlusion", "maximize": what each is, `visualize
// --help` says.
std::vector<std::string> PictureNames();

// Errors: no such picture, no such layer or unit (with what there is), a layer of another kind than the picture needs,
// images that do not fit.
absl::StatusOr<CaptionedImages> DrawPicture(absl::string_view name, const PictureOptions& options, Viewer* viewer);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_VIEW_PICTURES_H_
