#include "data/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

// In this order: jpeglib.h needs size_t and FILE.
#include <jpeglib.h>
// After it.
#include <jerror.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr int kMostScans = 100;
constexpr long kMostMemory = 512L << 20;

// Ends libjpeg's calls by a jump: no object with a destructor may live in a function that is jumped out of.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that a pointer to it is one to this
  jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void Fail(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, errors->message);
  longjmp(errors->jump, 1);
}

[[noreturn]] void FailWith(j_common_ptr info, const char* message) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  std::snprintf(errors->message, sizeof errors->message, "%s", message);
  longjmp(errors->jump, 1);
}

// libjpeg goes on after damage with pixels of its own invention; here it does not. Oddities that cost no pixel pass.
void EmitMessage(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
      return;
  }
  Fail(info);
}

void Quiet(j_common_ptr) {}

void LimitScans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMostScans) {
    FailWith(info, "it has more than 100 scans");
  }
}

jpeg_error_mgr* Prepare(ErrorManager* errors) {
  jpeg_error_mgr* base = jpeg_std_error(&errors->base);
  base->error_exit = Fail;
  base->emit_message = EmitMessage;
  base->output_message = Quiet;
  errors->message[0] = 0;
  return base;
}

uint8_t Product(int a, int b) { return static_cast<uint8_t>((a * b + 127) / 255); }

// libjpeg's calls in the order in which they are made. Each returns whether it went well; after a failure only
// message() may be called.
class Decompressor {
 public:
  Decompressor() {
    info_.err = Prepare(&errors_);
    progress_.progress_monitor = LimitScans;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool ReadHeader(const uint8_t* bytes, size_t size) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    info_.mem->max_memory_to_use = kMostMemory;
    jpeg_mem_src(&info_, bytes, size);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  ImageSize size() const { return {info_.image_height, info_.image_width}; }
  bool has_inks() const { return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK; }

  // Readies `part` for ReadRows; afterwards it begins no further right and is no narrower.
  bool Start(int channels, ImagePart* part) {
    if (setjmp(errors_.jump) != 0) return false;
    info_.scale_num = 1;
    info_.scale_denom = part->reduction;
    info_.out_color_space = has_inks() ? JCS_CMYK : channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info_);
    CropColumns(part);
    return true;
  }

  // The part's rows, info().output_components bytes a pixel, each into row(y).
  template <typename RowOf>
  bool ReadRows(const ImagePart& part, const RowOf& row) {
    if (setjmp(errors_.jump) != 0) return false;
    if (part.top > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(part.top));
    for (int64_t y = 0; y < part.size.height; ++y) {
      JSAMPROW target = row(y);
      jpeg_read_scanlines(&info_, &target, 1);
      if (has_inks()) InksToColours(part.size.width, target);
    }
    return true;
  }

  // Whether the mark that ends a JPEG file is among the bytes that are not read yet, or was read last. In compressed
  // pixels it cannot occur.
  bool ReachesEnd() {
    if (info_.output_scanline >= info_.output_height || jpeg_input_complete(&info_)) return true;
    if (info_.unread_marker == JPEG_EOI) return true;
    const uint8_t* at = info_.src->next_input_byte;
    const uint8_t* end = at + info_.src->bytes_in_buffer;
    while ((at = static_cast<const uint8_t*>(std::memchr(at, 0xff, end - at))) != nullptr) {
      if (++at == end) return false;
      if (*at == JPEG_EOI) return true;
    }
    return false;
  }

  const char* message() const { return errors_.message; }

 private:
  // libjpeg crops at the borders of blocks, and the outermost pixels there are not those of the whole image.
  void CropColumns(ImagePart* part) {
    constexpr int64_t kMargin = 8;
    const int64_t right = part->left + part->size.width;
    JDIMENSION left = static_cast<JDIMENSION>(std::max<int64_t>(0, part->left - kMargin));
    JDIMENSION width = static_cast<JDIMENSION>(std::min<int64_t>(info_.output_width, right + kMargin) - left);
    if (width < info_.output_width) jpeg_crop_scanline(&info_, &left, &width);
    part->left = left;
    part->size.width = width;
  }

  // CMYK to RGB in place, 4 bytes a pixel to the first 3. Adobe's files hold 255 - ink.
  void InksToColours(int64_t width, uint8_t* row) const {
    const int flip = info_.saw_Adobe_marker ? 0 : 255;
    for (int64_t x = 0; x < width; ++x) {
      uint8_t* pixel = row + 4 * x;
      const int black = pixel[3] ^ flip;
      for (int c = 0; c < 3; ++c) pixel[c] = Product(pixel[c] ^ flip, black);
    }
  }

  jpeg_decompress_struct info_{};
  ErrorManager errors_;
  jpeg_progress_mgr progress_{};
};

// [width][4] to [width][channels].
void PackRow(const uint8_t* inks, int64_t width, int channels, uint8_t* row) {
  for (int64_t x = 0; x < width; ++x, inks += 4, row += channels) {
    if (channels == 1) {
      row[0] = Luminance(inks[0], inks[1], inks[2]);
    } else {
      std::copy(inks, inks + 3, row);
    }
  }
}

absl::Status Damaged(absl::string_view name, const char* message) {
  return absl::DataLossError(absl::StrCat(name, ": damaged JPEG image: ", message));
}

class Compressor {
 public:
  Compressor() { info_.err = Prepare(&errors_); }
  ~Compressor() {
    jpeg_destroy_compress(&info_);
    std::free(jpeg_);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // `pixels`: interleaved.
  bool Run(const uint8_t* pixels, int64_t height, int64_t width, int channels, int quality) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &jpeg_, &size_);
    info_.image_height = static_cast<JDIMENSION>(height);
    info_.image_width = static_cast<JDIMENSION>(width);
    info_.input_components = channels;
    info_.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    jpeg_start_compress(&info_, TRUE);
    for (int64_t y = 0; y < height; ++y) {
      JSAMPROW row = const_cast<JSAMPROW>(pixels + y * width * channels);
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  std::string jpeg() const { return {reinterpret_cast<const char*>(jpeg_), size_}; }
  const char* message() const { return errors_.message; }

 private:
  jpeg_compress_struct info_{};
  ErrorManager errors_;
  unsigned char* jpeg_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

absl::Status DecodeJpeg(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                        PixelBuffer* pixels) {
  Decompressor jpeg;
  if (!jpeg.ReadHeader(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())) {
    return Damaged(name, jpeg.message());
  }
  GRADUS_RETURN_IF_ERROR(CheckImageSize(name, jpeg.size()));
  GRADUS_ASSIGN_OR_RETURN(ImagePart part, choose(jpeg.size(), 8));
  if (!jpeg.Start(channels, &part)) return Damaged(name, jpeg.message());
  std::vector<uint8_t> inks(jpeg.has_inks() ? 4 * part.size.width : 0);
  if (!pixels->Prepare(part, channels)) {
    return absl::ResourceExhaustedError(absl::StrCat(name, ": no memory for its pixels"));
  }
  bool read;
  if (inks.empty()) {
    read = jpeg.ReadRows(part, [pixels](int64_t y) { return pixels->row(y); });
  } else {
    const int64_t width = part.size.width;
    read = jpeg.ReadRows(part, [&](int64_t y) {
      if (y > 0) PackRow(inks.data(), width, channels, pixels->row(y - 1));
      return inks.data();
    });
    PackRow(inks.data(), width, channels, pixels->row(part.size.height - 1));
  }
  if (!read) return Damaged(name, jpeg.message());
  if (!jpeg.ReachesEnd()) return Damaged(name, "Premature end of JPEG file");
  return absl::OkStatus();
}

absl::StatusOr<std::string> EncodeJpeg(const Tensor& image, int quality) {
  GRADUS_RETURN_IF_ERROR(CheckImageTensor(image, DType::kUint8));
  const std::string interleaved = InterleaveChannels(image);
  Compressor jpeg;
  if (!jpeg.Run(reinterpret_cast<const uint8_t*>(interleaved.data()), image.shape()[1], image.shape()[2],
                static_cast<int>(image.shape()[0]), quality)) {
    return absl::InternalError(absl::StrCat("JPEG encoder: ", jpeg.message()));
  }
  return jpeg.jpeg();
}

}  // namespace gradus
