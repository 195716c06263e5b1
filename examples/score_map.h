// A classifier whose dense layers are written as convolutions, applied to a larger image: a map of scores, one for each
// window of the size that the classifier was trained on (Sermanet et al., "OverFeat", ICLR 2014, section 3.3).
// Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_SCORE_MAP_H_
#define GRADUS_EXAMPLES_SCORE_MAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/load_model.h"

namespace gradus {

// Where the places of a map lie in the image, along one dimension: the middle of what place i sees is at pixel
// middle + i x step, and places are step apart.
struct MapAxis {
  double middle = 0, step = 1;
};

struct ScoreMap {
  Tensor scores;  // f32[classes, h, w]
  MapAxis y, x;
};

// The first output of `model` for one image f32[C, H, W], its only input. The weights are those of `weights`, a
// checkpoint's folder or a .safetensors file with the same variables, of the same shapes or of others with as many
// elements (InitFrom.reshape). Where its places lie is what they see of the image (graph/receptive_field.h).
absl::StatusOr<ScoreMap> ScoreImage(const LoadedModel& model, const std::string& weights, const Tensor& image,
                                    int threads);

// For each class and place the logarithm of its odds by softmax, log(p / (1 - p)) = its score minus the log-sum-exp of
// the others: above 0 where the class is likelier than all others together. At least two classes.
Tensor LogOdds(const Tensor& scores);

// A class seen somewhere. Pixels of the image; the window's first.
struct Sighting {
  int64_t label, y, x;
  float score;
};
// The places with the highest score of any class, best first, none nearer to a better one than half a window in both
// dimensions, down to half of the best score. `window`: [C, H, W] that the classifier was trained on.
std::vector<Sighting> FindSightings(const ScoreMap& map, const Shape& window);

// A class's map in the image's size, f32[1, H, W]: each pixel has the score of the place whose middle is nearest, and 0
// where that is more than half a step away.
Tensor MapOverImage(const ScoreMap& map, int64_t label, const Shape& image);

// An image of [C, height, width], `least` everywhere, with the examples (images that fit) at random places that do not
// overlap where there is room. Where they do, the larger number stays.
Tensor MakeScene(absl::Span<const Tensor> examples, float least, int64_t height, int64_t width, uint64_t seed);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_SCORE_MAP_H_
