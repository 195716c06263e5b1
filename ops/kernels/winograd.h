// Convolutions with stride 1 and 3x3 or 5x5 taps by Winograd's minimal filtering (winograd_transforms.h): a quarter of
// the multiplications of 3x3, in each of the three passes. Tiles are taken to 36 points a few dozen at a time,
// multiplied there (36 matrix products over the channels, in the cache), and taken back. Float32 errors are about twice
// those of plain sums.
//
// Images are nChw8c, weights OIhw8i8o; padding is zero and stays zero. Work is split in a fixed way: the same number of
// threads gives the same bytes. For machines with AVX2; thread-safe.
#ifndef GRADUS_OPS_KERNELS_WINOGRAD_H_
#define GRADUS_OPS_KERNELS_WINOGRAD_H_

#include <cstdint>

#include "ops/kernels/winograd_tiles.h"

namespace gradus::winograd {

struct Convolution {
  int taps = 3;  // in both dimensions: 3 or 5
  int64_t images = 0, channels = 0, filters = 0;
  int64_t height = 0, width = 0, out_height = 0, out_width = 0;
  int64_t top = 0, left = 0;  // padding; what lies below and to the right follows
  // Channel blocks of an image where x and y are parts of images with more channels (groups).
  int64_t x_blocks = 0, y_blocks = 0;

  int64_t channel_blocks() const { return (channels + kLanes - 1) / kLanes; }
  int64_t filter_blocks() const { return (filters + kLanes - 1) / kLanes; }
  int64_t step() const { return kPoints + 1 - taps; }
  int64_t tile_rows() const { return (out_height + step() - 1) / step(); }
  int64_t tile_columns() const { return (out_width + step() - 1) / step(); }
  int64_t tiles() const { return images * tile_rows() * tile_columns(); }
  TileGrid input_grid() const;
  TileGrid output_grid() const;
  // The convolution of dy, with taps reversed, that gives dx.
  Convolution Adjoint() const;
};

// Rows in rounds of about `at_once`, of equal size.
inline int64_t EvenRounds(int64_t rows, int64_t at_once) {
  const int64_t rounds = (rows + at_once - 1) / at_once;
  return (rows + rounds - 1) / rounds;
}

// Bytes of a row of PanelMatrix with so many blocks, at all points.
inline int64_t RowBytes(int64_t blocks) { return kTilePoints * blocks * kLanes * static_cast<int64_t>(sizeof(float)); }

// y from x and w.
class Forward {
 public:
  // With `reversed`, `conv` is an adjoint and w that of the original.
  Forward(const Convolution& conv, bool reversed, int threads);
  int64_t scratch_bytes() const;
  void Run(const float* x, const float* w, const TileEpilogue& epilogue, float* y, float* scratch) const;

 private:
  PanelMatrix weights(int64_t blocks) const;
  PanelMatrix products(int64_t blocks) const;
  void TransformWeights(const float* w, int64_t i, int64_t first, int64_t blocks, float* u) const;
  void RunByTiles(const float* x, const float* w, const TileEpilogue& epilogue, float* y, float* scratch) const;
  void RunByFilters(const float* x, const float* w, const TileEpilogue& epilogue, float* y, float* scratch) const;

  Convolution conv_;
  bool reversed_;
  // Threads share the transformed weights and have some tiles each, or share transformed tiles and have some filters
  // each, which is better when there are more weights than fit the cache, or many for few tiles.
  bool by_filters_;
  int64_t parts_;
  int64_t tiles_at_once_;
  int64_t chunk_;  // filter blocks of a part at once
  PanelMatrix data_;
};

}  // namespace gradus::winograd

#endif  // GRADUS_OPS_KERNELS_WINOGRAD_H_
