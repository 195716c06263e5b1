#include "data/image.h"

#include "absl/strings/str_cat.h"
#include "core/new_tensor.h"
#include "core/status_macros.h"

namespace gradus {

absl::Status CheckImageSize(absl::string_view name, ImageSize size) {
  if (size.height <= kMostImageSide && size.width <= kMostImageSide && size.height * size.width <= kMostImagePixels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(name, ": the header claims ", size.width, " x ", size.height,
                                                 " pixels; the limits are ", kMostImageSide, " a side and ",
                                                 kMostImagePixels, " in all"));
}

absl::Status CheckImageTensor(const Tensor& image, DType dtype) {
  const Shape& shape = image.shape();
  if (!image.empty() && image.dtype() == dtype && shape.rank() == 3 && (shape[0] == 1 || shape[0] == 3) &&
      shape.num_elements() > 0 && shape[1] <= kMostImageSide && shape[2] <= kMostImageSide) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("an image is ", Name(dtype), "[1, H, W] or ", Name(dtype),
                                                 "[3, H, W] with at most ", kMostImageSide, " pixels a side, not ",
                                                 image.type().ToString()));
}

std::string InterleaveChannels(const Tensor& image) {
  const int64_t channels = image.shape()[0];
  const int64_t pixels = image.shape().ElementsBetween(1, 3);
  std::string interleaved(channels * pixels, 0);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) {
      interleaved[i * channels + c] = static_cast<char>(image.data()[c * pixels + i]);
    }
  }
  return interleaved;
}

absl::StatusOr<Tensor> SeparateChannels(const PixelBuffer& pixels) {
  const ImageSize size = pixels.part().size;
  const int64_t channels = pixels.channels(), plane = size.height * size.width;
  GRADUS_ASSIGN_OR_RETURN(Tensor image, NewTensor({DType::kUint8, {channels, size.height, size.width}}));
  for (int64_t i = 0; i < plane; ++i) {
    for (int64_t c = 0; c < channels; ++c) image.data()[c * plane + i] = pixels.row(0)[i * channels + c];
  }
  return image;
}

}  // namespace gradus
