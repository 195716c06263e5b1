// PNG images as tensors: what `predict` reads and `show_data` writes. Functions; thread-safe.
#ifndef GRADUS_DATA_PNG_H_
#define GRADUS_DATA_PNG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace gradus {

// Decodes the bytes of a PNG file of any colour type to u8[channels, H, W] with 1 channel (grey; of colours their
// luminance, 0.299 R + 0.587 G + 0.114 B) or 3 (RGB). 16 bits a sample become 8; transparency is laid over black.
// Nothing is allocated by a header alone: images of more than 16384 x 16384 or 2^26 pixels are refused. `name` starts
// every error: the file's.
absl::StatusOr<Tensor> DecodePng(absl::string_view name, absl::string_view bytes, int channels);

// The bytes of a PNG file of a u8[1, H, W] (grey) or u8[3, H, W] (RGB) image.
absl::StatusOr<std::string> EncodePng(const Tensor& image);

// u8[channels, H, W] of f32[channels, H, W] in 0...1, for EncodePng: rounded, values outside are clamped.
absl::StatusOr<Tensor> ImageToBytes(const Tensor& image);

}  // namespace gradus

#endif  // GRADUS_DATA_PNG_H_
