// RandomCrop and CenterCrop: a window of an image, which may reach into zeros around it.
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

// A window of an image with `pad` zeros on every side, at a random place or in the middle.
class Window : public GeometricTransform {
 public:
  // A side of nothing: the image's own.
  struct Sides {
    std::optional<int64_t> height, width;
  };

  Window(Sides sides, std::optional<ImageSize> size, int64_t pad, bool random)
      : sides_(sides), size_(size), pad_(pad), random_(random) {}

  std::optional<ImageSize> size() const override { return size_; }
  bool pads() const override { return pad_ > 0; }

  absl::Status Apply(ImageView* view, RandomSequence* random) const override {
    const ImageSize image = view->size();
    const ImageSize window = {sides_.height.value_or(image.height), sides_.width.value_or(image.width)};
    if (window.height > image.height + 2 * pad_ || window.width > image.width + 2 * pad_) {
      return absl::InvalidArgumentError(absl::StrCat("an image of ", image.width, " x ", image.height,
                                                     " pixels is too small for a window of ", window.width, " x ",
                                                     window.height, "; a `resize` before the crop would help"));
    }
    const int64_t top = Place(image.height, window.height, random);
    const int64_t left = Place(image.width, window.width, random);
    view->Crop(top, left, window);
    return absl::OkStatus();
  }

 private:
  // Where the window starts along one dimension; negative in the padding before the image.
  int64_t Place(int64_t image, int64_t window, RandomSequence* random) const {
    const int64_t room = image + 2 * pad_ - window;
    return (random_ ? static_cast<int64_t>(random->Below(room + 1)) : room / 2) - pad_;
  }

  const Sides sides_;
  const std::optional<ImageSize> size_;
  const int64_t pad_;
  const bool random_;
};

// One side of the window, for an image whose side is `image`, or known only when it is read.
absl::Status CheckSide(std::optional<int64_t> side, std::optional<int64_t> image, int64_t pad, const char* field,
                       const ImageInput& input) {
  const int64_t most = image.value_or(kMostImageSide) + 2 * pad;
  if (!side || (*side >= 1 && *side <= most)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a window of ", field, " ", *side, " does not fit into ",
                                                 input.ToString(), pad > 0 ? absl::StrCat(" with pad ", pad) : "",
                                                 ": it is between 1 and ", most));
}

template <typename Config>
absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeWindow(const Config& config, int64_t pad, bool random,
                                                               const ImageInput& input) {
  if (pad < 0) return absl::InvalidArgumentError(absl::StrCat("pad ", pad, " is negative"));
  if (pad > kMostImageSide) {
    return absl::InvalidArgumentError(absl::StrCat("pad ", pad, " is more than ", kMostImageSide));
  }
  Window::Sides sides;
  if (config.has_height()) sides.height = config.height();
  if (config.has_width()) sides.width = config.width();
  std::optional<int64_t> height, width;
  if (!input.any_size) height = input.height(), width = input.width();
  GRADUS_RETURN_IF_ERROR(CheckSide(sides.height, height, pad, "height", input));
  GRADUS_RETURN_IF_ERROR(CheckSide(sides.width, width, pad, "width", input));
  if (sides.height) height = sides.height;
  if (sides.width) width = sides.width;
  const bool same = !input.any_size ? *height == input.height() && *width == input.width()
                                    : !sides.height.has_value() && !sides.width.has_value();
  if (same && !(random && pad > 0)) return nullptr;
  std::optional<ImageSize> size;
  if (height && width) size = ImageSize{*height, *width};
  return std::make_unique<Window>(sides, size, pad, random);
}

absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeRandomCrop(const google::protobuf::Message& message,
                                                                   const ImageInput& input, TransformMode mode) {
  const RandomCrop& config = static_cast<const RandomCrop&>(message);
  return MakeWindow(config, config.pad(), mode == TransformMode::kTrain, input);
}

absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeCenterCrop(const google::protobuf::Message& message,
                                                                   const ImageInput& input, TransformMode) {
  return MakeWindow(static_cast<const CenterCrop&>(message), 0, false, input);
}

REGISTER_GEOMETRIC_TRANSFORM("gradus.RandomCrop", MakeRandomCrop);
REGISTER_GEOMETRIC_TRANSFORM("gradus.CenterCrop", MakeCenterCrop);

}  // namespace
}  // namespace gradus
