#include "data/png.h"

#include <spng.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/shape.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr uint32_t kMaxSide = 1 << 14;
constexpr uint64_t kMaxPixels = 1 << 26;
constexpr size_t kMaxChunk = size_t{1} << 26;  // bytes, also of what is kept of all chunks
constexpr uint64_t kMaxInflation = 1032;       // DEFLATE makes at most so many bytes of one

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

absl::Status Error(absl::string_view name, const char* what, int code) {
  return absl::DataLossError(absl::StrCat(name, ": ", what, ": ", spng_strerror(code)));
}

// The header, refused when it claims more than the limits or than so few bytes can hold.
absl::StatusOr<spng_ihdr> ReadHeader(spng_ctx* context, absl::string_view name, size_t file_bytes) {
  spng_ihdr header;
  if (const int code = spng_get_ihdr(context, &header)) return Error(name, "not a PNG image", code);
  const uint64_t pixels = uint64_t{header.width} * header.height;
  const std::string size = absl::StrCat(header.width, " x ", header.height, " pixels");
  if (header.width > kMaxSide || header.height > kMaxSide || pixels > kMaxPixels) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": the header claims ", size, "; the limits are ", kMaxSide,
                                                   " a side and ", kMaxPixels, " in all"));
  }
  if (pixels * header.bit_depth / 8 > kMaxInflation * file_bytes) {
    return absl::DataLossError(
        absl::StrCat(name, ": the header claims ", size, ", which a file of ", file_bytes, " bytes cannot hold"));
  }
  return header;
}

uint8_t OverBlack(uint8_t value, uint8_t alpha) { return static_cast<uint8_t>((value * alpha + 127) / 255); }

// rgba: [pixels][4]; image: [channels][pixels].
void SplitChannels(const uint8_t* rgba, int64_t pixels, int channels, uint8_t* image) {
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t* p = rgba + 4 * i;
    const uint8_t rgb[3] = {OverBlack(p[0], p[3]), OverBlack(p[1], p[3]), OverBlack(p[2], p[3])};
    if (channels == 1) {
      image[i] = static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
    } else {
      for (int c = 0; c < 3; ++c) image[c * pixels + i] = rgb[c];
    }
  }
}

absl::Status CheckImage(const Tensor& image, DType dtype) {
  const Shape& shape = image.shape();
  if (!image.empty() && image.dtype() == dtype && shape.rank() == 3 && (shape[0] == 1 || shape[0] == 3) &&
      shape.num_elements() > 0 && shape[1] <= kMaxSide && shape[2] <= kMaxSide) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("an image is ", Name(dtype), "[1, H, W] or ", Name(dtype),
                                                 "[3, H, W] with at most ", kMaxSide, " pixels a side, not ",
                                                 image.type().ToString()));
}

}  // namespace

absl::StatusOr<Tensor> DecodePng(absl::string_view name, absl::string_view bytes, int channels) {
  if (channels != 1 && channels != 3) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": a PNG image has 1 or 3 channels, not ", channels));
  }
  const Context context(spng_ctx_new(0));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for libspng");
  spng_set_chunk_limits(context.get(), kMaxChunk, kMaxChunk);
  if (const int code = spng_set_png_buffer(context.get(), bytes.data(), bytes.size())) {
    return Error(name, "not a PNG image", code);
  }
  GRADUS_ASSIGN_OR_RETURN(const spng_ihdr header, ReadHeader(context.get(), name, bytes.size()));
  const int64_t pixels = int64_t{header.width} * header.height;
  const AlignedBytes rgba = AllocateAligned(4 * pixels);
  if (rgba == nullptr) return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory for ", pixels, " pixels"));
  if (const int code = spng_decode_image(context.get(), rgba.get(), 4 * pixels, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS)) {
    return Error(name, "damaged PNG image", code);
  }
  Tensor image(TensorType{DType::kUint8, {channels, header.height, header.width}});
  SplitChannels(rgba.get(), pixels, channels, image.data());
  return image;
}

absl::StatusOr<std::string> EncodePng(const Tensor& image) {
  GRADUS_RETURN_IF_ERROR(CheckImage(image, DType::kUint8));
  const int64_t channels = image.shape()[0];
  const int64_t pixels = image.shape().ElementsBetween(1, 3);
  std::string interleaved(channels * pixels, 0);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) {
      interleaved[i * channels + c] = static_cast<char>(image.data()[c * pixels + i]);
    }
  }
  const Context context(spng_ctx_new(SPNG_CTX_ENCODER));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for libspng");
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(image.shape()[2]);
  header.height = static_cast<uint32_t>(image.shape()[1]);
  header.bit_depth = 8;
  header.color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
  spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_set_ihdr(context.get(), &header);
  int code =
      spng_encode_image(context.get(), interleaved.data(), interleaved.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  size_t size = 0;
  const std::unique_ptr<void, decltype(&std::free)> png(
      code == 0 ? spng_get_png_buffer(context.get(), &size, &code) : nullptr, &std::free);
  if (png == nullptr) return absl::InternalError(absl::StrCat("PNG encoder: ", spng_strerror(code)));
  return std::string(static_cast<const char*>(png.get()), size);
}

absl::StatusOr<Tensor> ImageToBytes(const Tensor& image) {
  GRADUS_RETURN_IF_ERROR(CheckImage(image, DType::kFloat32));
  Tensor bytes(TensorType{DType::kUint8, image.shape()});
  const absl::Span<const float> in = image.values<float>();
  const absl::Span<uint8_t> out = bytes.values<uint8_t>();
  for (size_t i = 0; i < in.size(); ++i) {
    const float value = in[i] > 0 ? std::min(in[i], 1.0f) : 0;  // also for NaN
    out[i] = static_cast<uint8_t>(std::lround(255 * value));
  }
  return bytes;
}

}  // namespace gradus
