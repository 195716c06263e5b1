// What there is to say about an image while it is read: its size, a part of it, and a buffer with pixels. Values and
// functions.
#ifndef GRADUS_DATA_IMAGE_H_
#define GRADUS_DATA_IMAGE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"

namespace gradus {

// In pixels.
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;

  friend bool operator==(const ImageSize& a, const ImageSize& b) { return a.height == b.height && a.width == b.width; }
  friend bool operator!=(const ImageSize& a, const ImageSize& b) { return !(a == b); }
};

// The limits of images that are read from files: larger ones are refused by what their header says.
constexpr int64_t kMostImageSide = 1 << 14;
constexpr int64_t kMostImagePixels = 1 << 26;

// A window of an image that is reduced by a whole factor: rows [top, top + size.height) of ceil(height / reduction)
// rows, columns likewise.
struct ImagePart {
  int reduction = 1;  // 1, 2, 4 or 8
  int64_t top = 0;
  int64_t left = 0;
  ImageSize size;
};

// Pixels: u8, row after row, the channels of a pixel beside each other. Keeps its memory from one image to the next, so
// it belongs to one thread. Movable.
class PixelBuffer {
 public:
  // Makes room for `part`; false when there is no memory. What the pixels are then is not said.
  bool Prepare(const ImagePart& part, int channels) {
    const int64_t bytes = part.size.height * part.size.width * channels;
    if (bytes > capacity_) {
      pixels_ = nullptr;
      pixels_ = AllocateAligned(bytes);
      capacity_ = pixels_ == nullptr ? 0 : bytes;
    }
    part_ = part;
    channels_ = channels;
    return bytes <= capacity_;
  }

  const ImagePart& part() const { return part_; }
  int channels() const { return channels_; }
  int64_t row_bytes() const { return part_.size.width * channels_; }

  // `y` counts from the part's top.
  uint8_t* row(int64_t y) { return pixels_.get() + y * row_bytes(); }
  const uint8_t* row(int64_t y) const { return pixels_.get() + y * row_bytes(); }

 private:
  ImagePart part_;
  int channels_ = 0;
  int64_t capacity_ = 0;
  AlignedBytes pixels_;
};

// Refuses a size in a file's header that is beyond the limits.
absl::Status CheckImageSize(absl::string_view name, ImageSize size);

// Refuses what is not dtype[1, H, W] or dtype[3, H, W] with pixels, as many a side as a file may have.
absl::Status CheckImageTensor(const Tensor& image, DType dtype);

// The bytes of u8[C, H, W] with the channels of a pixel beside each other, [H, W, C], and back. Back:
// ResourceExhausted.
std::string InterleaveChannels(const Tensor& image);
absl::StatusOr<Tensor> SeparateChannels(const PixelBuffer& pixels);

// 0.299 R + 0.587 G + 0.114 B, rounded.
inline uint8_t Luminance(int red, int green, int blue) {
  return static_cast<uint8_t>((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

}  // namespace gradus

#endif  // GRADUS_DATA_IMAGE_H_
