// What happens to tiles in Winograd's convolution (winograd_transforms.h): from the images to the 36 points, where the
// convolution is 36 matrix products, and back. Images are nChw8c, weights OIhw8i8o; channels that fill no block of
// eight are zero there and stay so. Pure functions for AVX2; thread-safe.
#ifndef GRADUS_OPS_KERNELS_WINOGRAD_TILES_H_
#define GRADUS_OPS_KERNELS_WINOGRAD_TILES_H_

#include <algorithm>
#include <cstdint>

#include "ops/kernels/winograd_transforms.h"

namespace gradus::winograd {

// Matrices with vectors of eight along their rows, stored as panels of some vectors side by side, row after row; one
// matrix for each of the 36 points.
struct PanelMatrix {
  int64_t rows, blocks;  // blocks: of eight columns
  int64_t wide;          // blocks in a panel; the last panel may have fewer

  int64_t width(int64_t panel) const { return std::min(wide, blocks - panel * wide) * kLanes; }  // columns of a panel
  int64_t panels() const { return (blocks + wide - 1) / wide; }
  int64_t panel(int64_t panel) const { return panel * wide * kLanes * rows; }  // where it begins
  int64_t offset(int64_t block) const { return panel(block / wide) + block % wide * kLanes; }
  int64_t step(int64_t block) const { return width(block / wide); }  // from row to row
  // From point to point. A cache line more keeps the points off one cache set.
  int64_t point() const { return (rows * blocks + 3) / 2 * 2 * kLanes; }
  int64_t floats() const { return kTilePoints * point(); }
};

// The tiles of an image batch, numbered row-major. Tile (i, j) begins at row i step - top and column j step - left.
struct TileGrid {
  int64_t blocks;         // of eight channels, of the images
  int64_t height, width;  // of the images
  int64_t top, left;      // padding, perhaps negative
  int64_t rows, columns;  // of tiles in an image
  int64_t step;
};

// Spread: tiles [begin, begin + count) of x, all channel blocks, to rows [0, count) of v.
void SpreadTiles(const TileGrid& grid, const float* x, int64_t begin, int64_t count, const PanelMatrix& matrix,
                 float* v);

// Evaluate: the m x m tiles of dy, filter blocks [first, first + matrix.blocks), to rows of d; adds the sums of the
// tiles to sum[8 matrix.blocks] unless that is null. m is grid.step: 4 or 2.
void EvaluateTiles(const TileGrid& grid, const float* dy, int64_t first, int64_t begin, int64_t count,
                   const PanelMatrix& matrix, float* d, float* sum);

// What is done to outputs on their way to memory.
struct TileEpilogue {
  const float* bias = nullptr;  // f32[filters]
  int64_t filters = 0;          // that have a bias
  const float* add = nullptr;   // of y's layout
  bool relu = false;
};

// Collect: rows of the products to the m x m tiles of y, filter blocks [first, first + matrix.blocks).
void CollectTiles(const TileGrid& grid, const float* products, const PanelMatrix& matrix, int64_t first, int64_t begin,
                  int64_t count, const TileEpilogue& epilogue, float* y);

// How weights are read.
struct WeightTiles {
  int64_t channel_blocks, filter_blocks;
  int taps;  // r: 3 or 5
};

// Weigh(Evaluate): the weights from channel block `in` to filter block first + out, to the columns of block `out` of u.
void EvaluateWeights(const WeightTiles& weights, const float* w, int64_t in, int64_t first, int64_t out,
                     const PanelMatrix& matrix, float* u);

// The same of the adjoint convolution: from filter block `in` to channel block first + out, taps reversed.
void EvaluateReversedWeights(const WeightTiles& weights, const float* w, int64_t in, int64_t first, int64_t out,
                             const PanelMatrix& matrix, float* u);

// Collect(Weigh): column block `out` of the sum of `parts` matrices, `part` floats apart, to the weight gradients of
// channel block `in` and filter block first + out.
void CollectWeights(const WeightTiles& weights, const float* u, int64_t parts, int64_t part, int64_t in, int64_t first,
                    int64_t out, const PanelMatrix& matrix, float* dw);

}  // namespace gradus::winograd

#endif  // GRADUS_OPS_KERNELS_WINOGRAD_TILES_H_
