// Resize and RandomResizedCrop.
#include <algorithm>
#include <array>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "data/transform.h"
#include "google/protobuf/repeated_field.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

int64_t Rounded(double value) { return std::max<int64_t>(1, std::llround(value)); }

absl::Status CheckSide(int64_t side, const char* field) {
  if (side >= 1 && side <= kMostImageSide) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " ", side, " is not between 1 and ", kMostImageSide));
}

// To a size, or to one whose shorter side is given.
class ResizeTransform : public GeometricTransform {
 public:
  ResizeTransform(const ImageInput& input, int64_t shorter_side, ImageSize size) : shorter_side_(shorter_side) {
    if (shorter_side_ == 0) {
      size_ = size;
    } else if (!input.any_size) {
      size_ = SizeFor({input.height(), input.width()});
    }
  }

  std::optional<ImageSize> size() const override { return size_; }
  bool resizes() const override { return true; }

  absl::Status Apply(ImageView* view, RandomSequence*) const override {
    view->Resize(size_ ? *size_ : SizeFor(view->size()));
    return absl::OkStatus();
  }

 private:
  ImageSize SizeFor(ImageSize image) const {
    const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
    const auto side = static_cast<double>(shorter_side_);
    if (height <= width) return {shorter_side_, Rounded(side * width / height)};
    return {Rounded(side * height / width), shorter_side_};
  }

  const int64_t shorter_side_;  // 0: none
  std::optional<ImageSize> size_;
};

absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeResize(const google::protobuf::Message& message,
                                                               const ImageInput& input, TransformMode) {
  const Resize& config = static_cast<const Resize&>(message);
  const bool both = config.has_height() && config.has_width();
  if (config.has_shorter_side() ? config.has_height() || config.has_width() : !both) {
    return absl::InvalidArgumentError("give either shorter_side, or both height and width");
  }
  if (config.has_shorter_side()) {
    GRADUS_RETURN_IF_ERROR(CheckSide(config.shorter_side(), "shorter_side"));
  } else {
    GRADUS_RETURN_IF_ERROR(CheckSide(config.height(), "height"));
    GRADUS_RETURN_IF_ERROR(CheckSide(config.width(), "width"));
  }
  return std::make_unique<ResizeTransform>(input, config.has_shorter_side() ? config.shorter_side() : 0,
                                           ImageSize{config.height(), config.width()});
}

struct Range {
  double low, high;
};

// A random part of the image, in a given size.
class RandomPart : public GeometricTransform {
 public:
  RandomPart(ImageSize size, Range area, Range aspect) : size_(size), area_(area), aspect_(aspect) {}

  std::optional<ImageSize> size() const override { return size_; }
  bool resizes() const override { return true; }

  absl::Status Apply(ImageView* view, RandomSequence* random) const override {
    constexpr int kAttempts = 10;
    const ImageSize image = view->size();
    const double pixels = static_cast<double>(image.height) * static_cast<double>(image.width);
    for (int i = 0; i < kAttempts; ++i) {
      const double area = pixels * random->Uniform(area_.low, area_.high);
      const double aspect = std::exp(random->Uniform(std::log(aspect_.low), std::log(aspect_.high)));
      const ImageSize part = {Rounded(std::sqrt(area / aspect)), Rounded(std::sqrt(area * aspect))};
      if (part.height > image.height || part.width > image.width) continue;
      const auto top = static_cast<int64_t>(random->Below(image.height - part.height + 1));
      const auto left = static_cast<int64_t>(random->Below(image.width - part.width + 1));
      view->Crop(top, left, part);
      view->Resize(size_);
      return absl::OkStatus();
    }
    const ImageSize part = LargestPart(image);
    view->Crop((image.height - part.height) / 2, (image.width - part.width) / 2, part);
    view->Resize(size_);
    return absl::OkStatus();
  }

 private:
  ImageSize LargestPart(ImageSize image) const {
    const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
    if (width / height < aspect_.low) {
      return {std::min(image.height, Rounded(width / aspect_.low)), image.width};
    }
    if (width / height > aspect_.high) {
      return {image.height, std::min(image.width, Rounded(height * aspect_.high))};
    }
    return image;
  }

  const ImageSize size_;
  const Range area_, aspect_;
};

// Its counterpart: the middle of the image after it has been resized to just cover 8/7 of the size.
class MiddlePart : public GeometricTransform {
 public:
  explicit MiddlePart(ImageSize size) : size_(size) {}

  std::optional<ImageSize> size() const override { return size_; }
  bool resizes() const override { return true; }

  absl::Status Apply(ImageView* view, RandomSequence*) const override {
    const ImageSize image = view->size();
    const ImageSize least = {Rounded(static_cast<double>(size_.height) * 8 / 7),
                             Rounded(static_cast<double>(size_.width) * 8 / 7)};
    const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
    const double scale = std::max(static_cast<double>(least.height) / height, static_cast<double>(least.width) / width);
    const ImageSize covering = {std::max(least.height, Rounded(scale * height)),
                                std::max(least.width, Rounded(scale * width))};
    view->Resize(covering);
    view->Crop((covering.height - size_.height) / 2, (covering.width - size_.width) / 2, size_);
    return absl::OkStatus();
  }

 private:
  const ImageSize size_;
};

absl::StatusOr<Range> RangeOf(const google::protobuf::RepeatedField<float>& given, Range unless_given, double most,
                              const char* field) {
  if (given.empty()) return unless_given;
  if (given.size() == 2 && given[0] > 0 && given[0] <= given[1] && given[1] <= most) return Range{given[0], given[1]};
  return absl::InvalidArgumentError(absl::StrCat(field, " [", absl::StrJoin(given, ", "),
                                                 "] is no range: give the least and the largest value, above 0 and at "
                                                 "most ",
                                                 most));
}

absl::StatusOr<std::unique_ptr<GeometricTransform>> MakeRandomResizedCrop(const google::protobuf::Message& message,
                                                                          const ImageInput&, TransformMode mode) {
  const RandomResizedCrop& config = static_cast<const RandomResizedCrop&>(message);
  if (!config.has_height() || !config.has_width()) return absl::InvalidArgumentError("needs both height and width");
  GRADUS_RETURN_IF_ERROR(CheckSide(config.height(), "height"));
  GRADUS_RETURN_IF_ERROR(CheckSide(config.width(), "width"));
  GRADUS_ASSIGN_OR_RETURN(const Range area, RangeOf(config.area(), {0.08, 1}, 1, "area"));
  GRADUS_ASSIGN_OR_RETURN(const Range aspect, RangeOf(config.aspect(), {3.0 / 4, 4.0 / 3}, 100, "aspect"));
  const ImageSize size = {config.height(), config.width()};
  if (mode == TransformMode::kEvaluate) return std::make_unique<MiddlePart>(size);
  return std::make_unique<RandomPart>(size, area, aspect);
}

REGISTER_GEOMETRIC_TRANSFORM("gradus.Resize", MakeResize);
REGISTER_GEOMETRIC_TRANSFORM("gradus.RandomResizedCrop", MakeRandomResizedCrop);

}  // namespace
}  // namespace gradus
