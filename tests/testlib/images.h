// Images for tests of what reads them: smooth pictures, and files of kinds that Gradus does not write.
#ifndef GRADUS_TESTS_TESTLIB_IMAGES_H_
#define GRADUS_TESTS_TESTLIB_IMAGES_H_

#include <cstdint>
#include <string>

#include "core/tensor.h"

namespace gradus {

// u8[channels, height, width]: slow waves, which JPEG keeps well; each seed is another picture.
Tensor SmoothImage(int64_t channels, int64_t height, int64_t width, uint64_t seed = 0);

// The bytes of files of an image; failures end the test.
std::string Jpeg(const Tensor& image, int quality = 95);
std::string Png(const Tensor& image);
std::string ProgressiveJpeg(const Tensor& image);

// A PNG file of any kind, by libspng's numbers: `pixels` are as the kind has them, rows of whole bytes; 16-bit samples
// in the machine's order. A palette has red at 0, half transparent green at 1 and blue from 2 on.
struct PngKind {
  int color_type = 2;  // 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  int bit_depth = 8;
  bool interlaced = false;
};
std::string PngOfKind(PngKind kind, int width, int height, const std::string& pixels);

// A CMYK file whose inks make the colours of an RGB image, as Adobe's programs write it.
std::string CmykJpeg(const Tensor& rgb);

// A progressive JPEG file whose first scan comes `scans` times.
std::string RepeatFirstScan(const std::string& jpeg, int scans);

// Sets the size in a JPEG file's frame header.
std::string WithJpegSize(std::string jpeg, int width, int height);

// Sets the size in a PNG file's header, with a good checksum.
std::string WithPngSize(std::string png, uint32_t width, uint32_t height);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_IMAGES_H_
