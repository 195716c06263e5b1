// RandomHorizontalFlip: the mirror image, now and then.
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

class Flip : public GeometricTransform {
 public:
  Flip(std::optional<ImageSize> size, double probability) : size_(size), probability_(probability) {}

  std::optional<ImageSize> size() const override { return size_; }

  absl::Status Apply(ImageView* view, RandomSequence* random) const override {
    if (random->Uniform() < probability_) view->Mirror();
    return absl::OkStatus();
  }

 private:
  const std::optional<ImageSize> size_;
  const double probability_;
};

absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeFlip(const google::protobuf::Message& message,
                                                             const ImageInput& input, TransformMode mode) {
  const double probability = static_cast<const RandomHorizontalFlip&>(message).probability();
  if (!(probability >= 0 && probability <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("probability ", probability, " is not between 0 and 1"));
  }
  if (mode == TransformMode::kEvaluate) return nullptr;
  std::optional<ImageSize> size;
  if (!input.any_size) size = ImageSize{input.height(), input.width()};
  return std::make_unique<Flip>(size, probability);
}

REGISTER_GEOMETRIC_TRANSFORM("gradus.RandomHorizontalFlip", MakeFlip);

}  // namespace
}  // namespace gradus
