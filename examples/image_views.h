// Views of what a network has learnt, over examples/network_view.h. Images are f32[C, H, W] as the model takes them. A
// unit is a channel of a layer that gives maps, or an element of one that gives f32[N, units]; a place is an index into
// the layer's value. Functions; not thread-safe where they use a view.
#ifndef GRADUS_EXAMPLES_IMAGE_VIEWS_H_
#define GRADUS_EXAMPLES_IMAGE_VIEWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "data/loader.h"
#include "examples/network_view.h"
#include "examples/shades.h"

namespace gradus {

// Where a unit is largest in a layer's value; of equal places the first.
int64_t StrongestPlace(const Tensor& value, int64_t unit);
// The place of a unit in the middle of its map.
int64_t MiddlePlace(const Shape& layer, int64_t unit);
// `value` at one place and 0 elsewhere: what goes back from there.
Tensor SeedAt(const Shape& layer, int64_t place, float value = 1);

// The mean of all their elements; there must be one.
float MeanOf(absl::Span<const Tensor> images);
// Where ascent starts for a unit: `mean` with a little noise, a tenth of the range wide, within the range.
Tensor NoiseAround(float mean, const ShadeRange& range, const Shape& image, uint64_t seed, int64_t unit);

// The first `count` examples of the loader's `column`; fewer where it has no more. Those that cannot be read are told
// on stderr, here and below.
absl::StatusOr<std::vector<Tensor>> FirstImages(Loader* loader, int column, int64_t count);

// Where a unit was strongest in one example.
struct Strongest {
  Tensor image;
  int64_t place;
  float value;
};
// The `count` examples in which each of `units` is strongest, one place an example, strongest first, among the first
// `examples` of the loader, whose `column` has the images.
absl::StatusOr<std::vector<std::vector<Strongest>>> FindStrongest(NetworkView* view, Loader* loader, int column,
                                                                  int64_t examples, absl::Span<const int64_t> units,
                                                                  int64_t count);

// What is strong somewhere, and where in the image that comes from.
struct Projection {
  Tensor picture;  // what comes back to the whole image
  Box field;       // what the place can see of the image at all
};
// Goes back from each strongest place alone, by the rules of `view`, with the activation itself as the seed. `field` is
// a view of the same layer with ReceptiveFieldRules.
absl::StatusOr<std::vector<Projection>> Project(NetworkView* view, NetworkView* field,
                                                absl::Span<const Strongest> strongest);

// The largest magnitude over the channels of a gradient: f32[1, H, W] (Simonyan et al., "Deep Inside Convolutional
// Networks", ICLR 2014 workshop, section 3.1).
Tensor SaliencyOf(const Tensor& gradient);

// A square is laid over the image wherever `stride` allows, and at the far borders, and the layer's value at `place`
// looked at each time. f32[1, H, W]: for each pixel the mean of that over the squares that cover it, low where the unit
// needs what is there (Zeiler and Fergus 2014, section 4.2).
struct OcclusionOptions {
  int64_t size = 7;  // of the square's sides, pixels; at least 1, at most the image's
  int64_t stride = 2;
  float fill = 0;  // the square's value
};
absl::StatusOr<Tensor> OcclusionMap(NetworkView* view, const Tensor& image, int64_t place,
                                    const OcclusionOptions& options);

// Images that make places of a layer as large as they get, from `starts`, one for each place.
struct Maximized {
  Tensor image;
  float before, after;  // the layer's value at the place
};
absl::StatusOr<std::vector<Maximized>> MaximizeActivations(NetworkView* view, absl::Span<const Tensor> starts,
                                                           absl::Span<const int64_t> places, int64_t steps);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_IMAGE_VIEWS_H_
