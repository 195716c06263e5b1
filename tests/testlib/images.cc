#include "tests/testlib/images.h"

#include <spng.h>
#include <zlib.h>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

// After those two: it needs size_t and FILE.
#include <jpeglib.h>

#include "data/image.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

std::string Compress(const std::string& pixels, int64_t height, int64_t width, int components, J_COLOR_SPACE space,
                     bool progressive) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.input_components = components;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  if (space == JCS_CMYK) info.write_Adobe_marker = TRUE;
  jpeg_start_compress(&info, TRUE);
  for (int64_t y = 0; y < height; ++y) {
    auto* row = reinterpret_cast<JSAMPROW>(const_cast<char*>(pixels.data() + y * width * components));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string jpeg(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return jpeg;
}

}  // namespace

Tensor SmoothImage(int64_t channels, int64_t height, int64_t width, uint64_t seed) {
  Tensor image(TensorType{DType::kUint8, {channels, height, width}});
  uint8_t* out = image.data();
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double phase = static_cast<double>(seed * 7 + c * 2);
        const double wave =
            std::sin(static_cast<double>(x) * 0.11 + phase) + std::cos(static_cast<double>(y) * 0.07 - phase);
        *out++ = static_cast<uint8_t>(127.5 + 60 * wave);
      }
    }
  }
  return image;
}

std::string Jpeg(const Tensor& image, int quality) {
  absl::StatusOr<std::string> jpeg = EncodeJpeg(image, quality);
  EXPECT_TRUE(jpeg.ok()) << jpeg.status();
  return *std::move(jpeg);
}

std::string Png(const Tensor& image) {
  absl::StatusOr<std::string> png = EncodePng(image);
  EXPECT_TRUE(png.ok()) << png.status();
  return *std::move(png);
}

std::string ProgressiveJpeg(const Tensor& image) {
  const int channels = static_cast<int>(image.shape()[0]);
  return Compress(InterleaveChannels(image), image.shape()[1], image.shape()[2], channels,
                  channels == 1 ? JCS_GRAYSCALE : JCS_RGB, true);
}

std::string PngOfKind(PngKind kind, int width, int height, const std::string& pixels) {
  spng_ctx* context = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(width);
  header.height = static_cast<uint32_t>(height);
  header.bit_depth = static_cast<uint8_t>(kind.bit_depth);
  header.color_type = static_cast<uint8_t>(kind.color_type);
  header.interlace_method = kind.interlaced ? 1 : 0;
  EXPECT_EQ(spng_set_ihdr(context, &header), 0);
  if (kind.color_type == SPNG_COLOR_TYPE_INDEXED) {
    spng_plte palette{};
    palette.n_entries = 4;
    palette.entries[0] = {255, 0, 0, 255};
    palette.entries[1] = {0, 255, 0, 255};
    palette.entries[2] = palette.entries[3] = {0, 0, 255, 255};
    EXPECT_EQ(spng_set_plte(context, &palette), 0);
    spng_trns transparency{};
    transparency.n_type3_entries = 2;
    transparency.type3_alpha[0] = 255;
    transparency.type3_alpha[1] = 128;
    EXPECT_EQ(spng_set_trns(context, &transparency), 0);
  }
  EXPECT_EQ(spng_encode_image(context, pixels.data(), pixels.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
  size_t size = 0;
  int code = 0;
  void* bytes = spng_get_png_buffer(context, &size, &code);
  std::string png(static_cast<const char*>(bytes), size);
  std::free(bytes);
  spng_ctx_free(context);
  return png;
}

std::string CmykJpeg(const Tensor& rgb) {
  const std::string colours = InterleaveChannels(rgb);
  std::string inks;
  for (size_t i = 0; i < colours.size(); i += 3) {
    inks.append(colours, i, 3);
    inks.push_back('\xff');  // inverted: no black
  }
  return Compress(inks, rgb.shape()[1], rgb.shape()[2], 4, JCS_CMYK, false);
}

std::string RepeatFirstScan(const std::string& jpeg, int scans) {
  const size_t first = jpeg.find("\xff\xda");
  size_t end = first + 2;  // the next marker that is neither a stuffed byte nor a restart
  while (end + 1 < jpeg.size() &&
         !(jpeg[end] == '\xff' && jpeg[end + 1] != 0 && (static_cast<uint8_t>(jpeg[end + 1]) & 0xf8) != 0xd0)) {
    ++end;
  }
  std::string result = jpeg.substr(0, first);
  for (int i = 0; i < scans; ++i) result += jpeg.substr(first, end - first);
  return result + jpeg.substr(end);
}

std::string WithJpegSize(std::string jpeg, int width, int height) {
  for (size_t i = 2; i + 9 < jpeg.size();) {  // from segment to segment
    const auto byte = [&](size_t at) { return static_cast<uint8_t>(jpeg[at]); };
    if (byte(i + 1) == 0xc0 || byte(i + 1) == 0xc2) {
      jpeg[i + 5] = static_cast<char>(height >> 8);
      jpeg[i + 6] = static_cast<char>(height);
      jpeg[i + 7] = static_cast<char>(width >> 8);
      jpeg[i + 8] = static_cast<char>(width);
      break;
    }
    i += 2 + (size_t{byte(i + 2)} << 8) + byte(i + 3);
  }
  return jpeg;
}

std::string WithPngSize(std::string png, uint32_t width, uint32_t height) {
  const auto put = [&](size_t at, uint32_t word) {
    for (int i = 0; i < 4; ++i) png[at + i] = static_cast<char>(word >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  put(29, static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(&png[12]), 17)));
  return png;
}

}  // namespace gradus
