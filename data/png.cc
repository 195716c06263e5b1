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
  if (const int code = spng_get_ihdr(context, &header)) return Error(name, "damaged PNG image", code);
  GRADUS_RETURN_IF_ERROR(CheckImageSize(name, {header.height, header.width}));
  if (uint64_t{header.width} * header.height * header.bit_depth / 8 > kMaxInflation * file_bytes) {
    return absl::DataLossError(absl::StrCat(name, ": the header claims ", header.width, " x ", header.height,
                                            " pixels, which a file of ", file_bytes, " bytes cannot hold"));
  }
  return header;
}

uint8_t OverBlack(uint8_t value, uint8_t alpha) { return static_cast<uint8_t>((value * alpha + 127) / 255); }

// rgba: the first pixel that is wanted.
void ConvertRow(const uint8_t* rgba, int64_t width, int channels, uint8_t* row) {
  for (int64_t x = 0; x < width; ++x, rgba += 4, row += channels) {
    const uint8_t rgb[3] = {OverBlack(rgba[0], rgba[3]), OverBlack(rgba[1], rgba[3]), OverBlack(rgba[2], rgba[3])};
    if (channels == 1) {
      row[0] = Luminance(rgb[0], rgb[1], rgb[2]);
    } else {
      std::copy(rgb, rgb + 3, row);
    }
  }
}

// Decodes all rows and keeps those of the part. An interlaced image comes in passes, so it is decoded as a whole.
absl::Status DecodeRows(spng_ctx* context, const spng_ihdr& header, absl::string_view name, PixelBuffer* pixels) {
  const bool interlaced = header.interlace_method != 0;
  const size_t row_bytes = 4 * size_t{header.width};
  const size_t bytes = interlaced ? row_bytes * header.height : row_bytes;
  const AlignedBytes rgba = AllocateAligned(bytes);
  if (rgba == nullptr) return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory for its pixels"));
  int code = spng_decode_image(context, interlaced ? rgba.get() : nullptr, interlaced ? bytes : 0, SPNG_FMT_RGBA8,
                               SPNG_DECODE_TRNS | (interlaced ? 0 : SPNG_DECODE_PROGRESSIVE));
  const ImagePart& part = pixels->part();
  for (int64_t y = 0; code == 0 && y < header.height; ++y) {
    if (!interlaced) code = spng_decode_row(context, rgba.get(), row_bytes);
    if (code == SPNG_EOI && y + 1 == header.height) code = 0;
    if (code != 0 || y < part.top || y >= part.top + part.size.height) continue;
    ConvertRow(rgba.get() + (interlaced ? y * row_bytes : 0) + 4 * part.left, part.size.width, pixels->channels(),
               pixels->row(y - part.top));
  }
  return code == 0 ? absl::OkStatus() : Error(name, "damaged PNG image", code);
}

}  // namespace

absl::Status DecodePng(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                       PixelBuffer* pixels) {
  const Context context(spng_ctx_new(0));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for libspng");
  spng_set_chunk_limits(context.get(), kMaxChunk, kMaxChunk);
  if (const int code = spng_set_png_buffer(context.get(), bytes.data(), bytes.size())) {
    return Error(name, "damaged PNG image", code);
  }
  GRADUS_ASSIGN_OR_RETURN(const spng_ihdr header, ReadHeader(context.get(), name, bytes.size()));
  GRADUS_ASSIGN_OR_RETURN(const ImagePart part, choose({header.height, header.width}, 1));
  if (!pixels->Prepare(part, channels)) {
    return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory for its pixels"));
  }
  return DecodeRows(context.get(), header, name, pixels);
}

absl::StatusOr<std::string> EncodePng(const Tensor& image) {
  GRADUS_RETURN_IF_ERROR(CheckImageTensor(image, DType::kUint8));
  const std::string interleaved = InterleaveChannels(image);
  const Context context(spng_ctx_new(SPNG_CTX_ENCODER));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for libspng");
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(image.shape()[2]);
  header.height = static_cast<uint32_t>(image.shape()[1]);
  header.bit_depth = 8;
  header.color_type = image.shape()[0] == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
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
  GRADUS_RETURN_IF_ERROR(CheckImageTensor(image, DType::kFloat32));
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
