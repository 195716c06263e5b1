// Image files in memory: JPEG and PNG, told apart by their content. Functions; thread-safe.
//
// No byte of a file is believed: sizes, scans and memory have limits, and every damage is an error that starts with the
// file's name. Errors: InvalidArgument for what is no JPEG or PNG image or beyond the limits, DataLoss for a damaged
// one, ResourceExhausted without memory.
#ifndef GRADUS_DATA_IMAGE_FILE_H_
#define GRADUS_DATA_IMAGE_FILE_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/image.h"

namespace gradus {

// Says which part of an image is needed, when its size is known and no pixel has been decoded. The part lies in the
// image and is not empty; its reduction is at most `most_reduction` (1 where the format cannot reduce).
using ChoosePart = absl::FunctionRef<absl::StatusOr<ImagePart>(ImageSize size, int most_reduction)>;

// Decodes an image to 1 channel (grey; of colours their luminance) or 3 (red, green, blue). `pixels` then holds the
// part, and perhaps some columns beside it.
absl::Status DecodeImage(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                         PixelBuffer* pixels);

// The whole image, u8[channels, H, W].
absl::StatusOr<Tensor> DecodeImage(absl::string_view name, absl::string_view bytes, int channels);

}  // namespace gradus

#endif  // GRADUS_DATA_IMAGE_FILE_H_
