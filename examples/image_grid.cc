#include "examples/image_grid.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/check.h"
#include "core/file.h"
#include "core/shape.h"
#include "core/status_macros.h"
#include "data/png.h"
#include "examples/bitmap_font.h"

namespace gradus {
namespace {

// Pixels.
constexpr int64_t kSmallestTile = 72;  // images are enlarged until their longer side has this
constexpr int64_t kGap = 8;            // between tiles and around them
constexpr int64_t kCaptionGap = 4;     // between a tile and its caption
constexpr int64_t kMostSide = 1 << 14;

struct Color {
  uint8_t rgb[3];
};
constexpr Color kBackground = {{42, 50, 66}};
constexpr Color kText = {{222, 226, 232}};

// Where everything goes.
struct GridLayout {
  int64_t columns, rows;
  int64_t enlarge;  // of images
  int64_t tile_width, tile_height;
  int64_t letter_size;     // of captions: pixels for a pixel of the font; 0: no captions
  int64_t step_x, step_y;  // from tile to tile
  int64_t width, height;   // of the picture
};

int64_t CaptionWidth(size_t letters, int64_t letter_size) {
  return letters == 0 ? 0 : (static_cast<int64_t>(letters) * kGlyphAdvance - 1) * letter_size;
}

// For a picture a little wider than high: of the numbers of columns near that, the one with the fullest last row.
// `ratio` is a tile's height to its width.
int64_t ChooseColumns(int64_t count, int64_t multiple, double ratio) {
  const double ideal = 1.15 * std::sqrt(static_cast<double>(count) * ratio);
  const int64_t least = std::clamp<int64_t>(std::llround(0.8 * ideal), 1, count);
  const int64_t most = std::clamp<int64_t>(std::llround(1.25 * ideal), least, count);
  if (multiple > 1) {
    return multiple * std::max<int64_t>(1, std::llround(ideal / static_cast<double>(multiple)));
  }
  auto cost = [&](int64_t columns) {
    const double empty = static_cast<double>((columns - count % columns) % columns);
    return empty + std::abs(static_cast<double>(columns) - ideal);
  };
  int64_t best = least;
  for (int64_t columns = least; columns <= most; ++columns) {
    if (cost(columns) < cost(best)) best = columns;
  }
  return best;
}

GridLayout MakeLayout(const CaptionedImages& captioned) {
  const Shape& shape = captioned.images[0].shape();
  const int64_t count = static_cast<int64_t>(captioned.images.size());
  GridLayout layout{};
  const int64_t side = std::max(shape[1], shape[2]);
  layout.enlarge = std::max<int64_t>(1, (kSmallestTile + side - 1) / side);
  layout.tile_height = shape[1] * layout.enlarge;
  layout.tile_width = shape[2] * layout.enlarge;
  size_t longest = 0;
  for (const std::string& caption : captioned.captions) longest = std::max(longest, caption.size());
  if (longest > 0) layout.letter_size = CaptionWidth(longest, 2) <= layout.tile_width ? 2 : 1;
  const int64_t caption = longest > 0 ? kCaptionGap + kGlyphHeight * layout.letter_size : 0;
  layout.step_x = layout.tile_width + kGap;
  layout.step_y = layout.tile_height + caption + kGap;
  const double ratio = static_cast<double>(layout.step_y) / static_cast<double>(layout.step_x);
  layout.columns = captioned.columns > 0 ? captioned.columns : ChooseColumns(count, captioned.column_multiple, ratio);
  layout.rows = (count + layout.columns - 1) / layout.columns;
  layout.width = layout.columns * layout.step_x + kGap;
  layout.height = layout.rows * layout.step_y + kGap;
  return layout;
}

// Maps a channel's values to 0...255.
struct Stretch {
  float least = std::numeric_limits<float>::infinity();
  float largest = -std::numeric_limits<float>::infinity();

  uint8_t operator()(float value) const {
    if (!std::isfinite(value) || !(largest > least)) return 0;
    const double shade = (static_cast<double>(value) - least) / (double{largest} - least);
    return static_cast<uint8_t>(std::lround(255 * std::clamp(shade, 0.0, 1.0)));
  }
};

std::vector<Stretch> FindStretches(const CaptionedImages& captioned) {
  const std::vector<Tensor>& images = captioned.images;
  const Shape& shape = images[0].shape();
  if (!captioned.stretch) return std::vector<Stretch>(shape[0], Stretch{0, 1});
  const int64_t pixels = shape.ElementsBetween(1, 3);
  std::vector<Stretch> stretches(shape[0]);
  for (const Tensor& image : images) {
    for (int64_t i = 0; i < shape.num_elements(); ++i) {
      const float value = image.values<float>()[i];
      if (!std::isfinite(value)) continue;
      Stretch& stretch = stretches[i / pixels];
      stretch.least = std::min(stretch.least, value);
      stretch.largest = std::max(stretch.largest, value);
    }
  }
  return stretches;
}

class Canvas {
 public:
  Canvas(int64_t width, int64_t height) : pixels_(TensorType{DType::kUint8, {3, height, width}}) {
    for (int c = 0; c < 3; ++c) {
      std::fill_n(pixels_.data() + c * width * height, width * height, kBackground.rgb[c]);
    }
  }

  // A square of `size` pixels.
  void Square(int64_t x, int64_t y, int64_t size, const Color& color) {
    const int64_t height = pixels_.shape()[1], width = pixels_.shape()[2];
    for (int c = 0; c < 3; ++c) {
      for (int64_t row = y; row < y + size; ++row) {
        std::fill_n(pixels_.data() + (c * height + row) * width + x, size, color.rgb[c]);
      }
    }
  }

  Tensor Take() { return std::move(pixels_); }

 private:
  Tensor pixels_;
};

void DrawImage(const Tensor& image, const std::vector<Stretch>& stretches, int64_t x, int64_t y, int64_t enlarge,
               Canvas* canvas) {
  const Shape& shape = image.shape();
  const int64_t pixels = shape.ElementsBetween(1, 3);
  const bool is_rgb = shape[0] == 3;
  for (int64_t i = 0; i < pixels; ++i) {
    Color color;
    for (int c = 0; c < 3; ++c) {
      const int channel = is_rgb ? c : 0;
      color.rgb[c] = stretches[channel](image.values<float>()[channel * pixels + i]);
    }
    canvas->Square(x + i % shape[2] * enlarge, y + i / shape[2] * enlarge, enlarge, color);
  }
}

// In the middle below a tile whose top left corner is (x, y).
void DrawCaption(absl::string_view caption, const GridLayout& layout, int64_t x, int64_t y, Canvas* canvas) {
  const int64_t size = layout.letter_size;
  while (CaptionWidth(caption.size(), size) > layout.tile_width) caption.remove_suffix(1);
  x += (layout.tile_width - CaptionWidth(caption.size(), size)) / 2;
  y += layout.tile_height + kCaptionGap;
  for (char letter : caption) {
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (GlyphPixel(letter, column, row)) canvas->Square(x + column * size, y + row * size, size, kText);
      }
    }
    x += kGlyphAdvance * size;
  }
}

}  // namespace

absl::StatusOr<Tensor> DrawImageGrid(const CaptionedImages& captioned) {
  GRADUS_CHECK(!captioned.images.empty() && captioned.images.size() == captioned.captions.size());
  const TensorType& type = captioned.images[0].type();
  if (type.dtype != DType::kFloat32 || type.shape.rank() != 3 || type.shape.num_elements() == 0) {
    return absl::InvalidArgumentError(absl::StrCat("an image is f32[C, H, W], not ", type.ToString()));
  }
  const GridLayout layout = MakeLayout(captioned);
  if (layout.width > kMostSide || layout.height > kMostSide || layout.width * layout.height > kMostGridPixels) {
    return absl::InvalidArgumentError(absl::StrCat(captioned.images.size(), " images of ", type.shape.ToString(),
                                                   " make a picture of ", layout.width, " x ", layout.height,
                                                   " pixels, more than a PNG may hold here; show fewer"));
  }
  const std::vector<Stretch> stretches = FindStretches(captioned);
  Canvas canvas(layout.width, layout.height);
  for (size_t i = 0; i < captioned.images.size(); ++i) {
    const int64_t x = kGap + static_cast<int64_t>(i) % layout.columns * layout.step_x;
    const int64_t y = kGap + static_cast<int64_t>(i) / layout.columns * layout.step_y;
    DrawImage(captioned.images[i], stretches, x, y, layout.enlarge, &canvas);
    DrawCaption(captioned.captions[i], layout, x, y, &canvas);
  }
  return canvas.Take();
}

absl::Status WriteImageGrid(const CaptionedImages& captioned, absl::string_view output, absl::string_view what) {
  GRADUS_ASSIGN_OR_RETURN(const Tensor picture, DrawImageGrid(captioned));
  GRADUS_ASSIGN_OR_RETURN(const std::string png, EncodePng(picture));
  GRADUS_RETURN_IF_ERROR(WriteFileAtomically(ResolvePath(output), png));
  std::printf("%s\n", absl::StrCat(output, ": ", what, what.empty() ? "" : ", ", picture.shape()[2], " x ",
                                   picture.shape()[1], " pixels")
                          .c_str());
  return absl::OkStatus();
}

}  // namespace gradus
