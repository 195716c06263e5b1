#include "data/image_file.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "data/jpeg.h"
#include "data/png.h"

namespace gradus {
namespace {

constexpr absl::string_view kJpeg = "\xff\xd8\xff";
constexpr absl::string_view kPng = "\x89PNG\r\n\x1a\n";

// What a file seems to be that is neither JPEG nor PNG.
std::string Guess(absl::string_view bytes) {
  if (bytes.empty()) return "the file is empty";
  constexpr std::pair<absl::string_view, absl::string_view> kBeginnings[] = {
      {"GIF8", "a GIF"}, {"BM", "a BMP"},         {"II*", "a TIFF"},       {"MM", "a TIFF"},
      {"%PDF", "a PDF"}, {"PK\x03\x04", "a ZIP"}, {"<", "an HTML or XML"}, {"\x1f\x8b", "a gzip"},
  };
  if (absl::StartsWith(bytes, "RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") {
    return "it looks like a WebP file";
  }
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return "it looks like a HEIF or AVIF file, or a film";
  for (const auto& [beginning, what] : kBeginnings) {
    if (absl::StartsWith(bytes, beginning)) return absl::StrCat("it looks like ", what, " file");
  }
  return "its first bytes are those of neither";
}

}  // namespace

absl::Status DecodeImage(absl::string_view name, absl::string_view bytes, int channels, ChoosePart choose,
                         PixelBuffer* pixels) {
  if (channels != 1 && channels != 3) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": an image has 1 or 3 channels, not ", channels));
  }
  if (absl::StartsWith(bytes, kJpeg)) return DecodeJpeg(name, bytes, channels, choose, pixels);
  if (absl::StartsWith(bytes, kPng)) return DecodePng(name, bytes, channels, choose, pixels);
  return absl::InvalidArgumentError(absl::StrCat(name, ": not a JPEG or PNG image: ", Guess(bytes)));
}

absl::StatusOr<Tensor> DecodeImage(absl::string_view name, absl::string_view bytes, int channels) {
  PixelBuffer pixels;
  const auto whole = [](ImageSize size, int) -> absl::StatusOr<ImagePart> { return ImagePart{1, 0, 0, size}; };
  GRADUS_RETURN_IF_ERROR(DecodeImage(name, bytes, channels, whole, &pixels));
  absl::StatusOr<Tensor> image = SeparateChannels(pixels);
  if (!image.ok()) return absl::Status(image.status().code(), absl::StrCat(name, ": ", image.status().message()));
  return image;
}

}  // namespace gradus
