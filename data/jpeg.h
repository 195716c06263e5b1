// JPEG files by libjpeg-turbo. Functions; thread-safe.
#ifndef GRADUS_DATA_JPEG_H_
#define GRADUS_DATA_JPEG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/image_file.h"

namespace gradus {

// DecodeImage for a JPEG file: baseline or progressive; grey, YCbCr, RGB, CMYK or YCCK. A reduction is done by the
// inverse DCT itself, and only the blocks of the part are transformed. A file whose pixels are not all there is
// damaged, even where its start would do. Files of more than 100 scans, or that need more than 512 MB to decode, are
// refused.
absl::Status DecodeJpeg(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                        PixelBuffer* pixels);

// The bytes of a baseline JPEG file of a u8[1, H, W] (grey) or u8[3, H, W] (RGB) image. quality: 1 to 100.
absl::StatusOr<std::string> EncodeJpeg(const Tensor& image, int quality = 90);

}  // namespace gradus

#endif  // GRADUS_DATA_JPEG_H_
