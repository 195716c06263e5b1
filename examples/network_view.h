// One layer of a trained network as a function of its image, and what goes back from there to the pixels: the base of
// all views of a network (examples/image_views.h).
//
//   NetworkView::Options options;
//   options.layer = "conv2";
//   options.backward = true;
//   options.rules = GuidedRules();
//   GRADUS_ASSIGN_OR_RETURN(NetworkView view, NetworkView::Make(model, "image", options, &session));
//   GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> values, view.Forward(images));
//   GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> pictures, view.Backward(images, seeds));
//
// The network is lowered as for inference and pruned to what the layer needs. Borrows the session, which others may use
// in between. Not thread-safe.
#ifndef GRADUS_EXAMPLES_NETWORK_VIEW_H_
#define GRADUS_EXAMPLES_NETWORK_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "graph/expand.h"
#include "graph/gradient.h"
#include "graph/lower.h"
#include "graph/session.h"

namespace gradus {

// One step of gradient ascent in pixel space, for each image x and its gradient g alone:
//
//   z = x + rate g / rms(g), z = (1 - blur) z + blur mean3x3(z), then clamped to least...largest
//
// (Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009; blur as in Yosinski et al.,
// "Understanding Neural Networks Through Deep Visualization", 2015.)
struct AscentOptions {
  double rate = 0.1;
  double blur = 0;
  double least = 0, largest = 1;
};

class NetworkView {
 public:
  struct Options {
    std::string layer;
    // Of a layer that ends with an elementwise function, an activation: what that is a function of. What a dead ReLU
    // hides has a gradient, too.
    bool before_activation = false;
    int64_t batch = 1;                                   // images at a time; changes no result but rounding
    bool backward = false;                               // whether Backward may be called
    GradientOptions rules = {};                          // of what goes back
    std::optional<AscentOptions> ascent = std::nullopt;  // whether Ascend may be called
  };

  // `image`: the model's input f32[C, H, W] that is looked at. Errors: no such layer (with the nearest name), a layer
  // whose output is neither maps f32[N, C, H, W] nor f32[N, units], one that does not depend on the image.
  static absl::StatusOr<NetworkView> Make(const ExpandedModel& model, const std::string& image, const Options& options,
                                          Session* session);

  // Of one example, without the batch.
  const Shape& image_shape() const { return image_shape_; }  // [C, H, W]
  const Shape& layer_shape() const { return layer_shape_; }  // [C, H, W] or [units]
  const std::string& layer() const { return options_.layer; }
  // Channels of the layer, or units.
  int64_t units() const { return layer_shape_[0]; }

  // The layer's value for each image.
  absl::StatusOr<std::vector<Tensor>> Forward(absl::Span<const Tensor> images);

  // For each image what comes back to its pixels when seeds[i], of layer_shape(), arrives at the layer's output: by the
  // registered rules the gradient of <seeds[i], layer>.
  absl::StatusOr<std::vector<Tensor>> Backward(absl::Span<const Tensor> images, absl::Span<const Tensor> seeds);

  // Each image after one step of ascent on <seeds[i], layer>.
  absl::StatusOr<std::vector<Tensor>> Ascend(absl::Span<const Tensor> images, absl::Span<const Tensor> seeds);

 private:
  NetworkView(std::string image, Options options, Session* session)
      : image_(std::move(image)), options_(std::move(options)), session_(session) {}

  absl::StatusOr<std::vector<Tensor>> Run(const char* fetch, absl::Span<const Tensor> images,
                                          absl::Span<const Tensor> seeds);

  std::string image_;
  Options options_;
  Session* session_;
  Plan* forward_ = nullptr;
  Plan* backward_ = nullptr;  // with the seed as another feed; null without
  Shape image_shape_, layer_shape_;
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_NETWORK_VIEW_H_
