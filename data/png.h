// PNG files by libspng. Functions; thread-safe.
#ifndef GRADUS_DATA_PNG_H_
#define GRADUS_DATA_PNG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/image_file.h"

namespace gradus {

// DecodeImage for a PNG file of any colour type. 16 bits a sample become 8; transparency is laid over black. Nothing is
// allocated by a header alone. Nothing is reduced; rows outside the part are checked and dropped.
absl::Status DecodePng(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                       PixelBuffer* pixels);

// The bytes of a PNG file of a u8[1, H, W] (grey) or u8[3, H, W] (RGB) image.
absl::StatusOr<std::string> EncodePng(const Tensor& image);

// u8[channels, H, W] of f32[channels, H, W] in 0...1, for EncodePng: rounded, values outside are clamped.
absl::StatusOr<Tensor> ImageToBytes(const Tensor& image);

}  // namespace gradus

#endif  // GRADUS_DATA_PNG_H_
