#include "ops/kernels/winograd.h"

#include <algorithm>

#include "core/parallel.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus::winograd {
namespace {

// Bytes of scratch memory, as measured to be best with 512 KB and 32 MB of second and third level cache.
constexpr int64_t kMostSharedWeights = 10 << 20;
constexpr int64_t kSharedTiles = 12 << 20;
constexpr int64_t kTilesOfPart = 512 << 10;
constexpr int64_t kLeastTiles = 48;  // at once
constexpr int64_t kChunkBlocks = 8;  // filter blocks at once where threads have filters of their own

// products[t, f] = sum over channels of v[t, c] u[c, f], at each point.
void MultiplyTiles(const PanelMatrix& v, int64_t count, const PanelMatrix& u, const PanelMatrix& products,
                   const float* v_data, const float* u_data, float* product_data) {
  TileGemm gemm;
  gemm.m = count, gemm.k = v.blocks * kLanes;
  gemm.a_m = v.step(0), gemm.a_k = 1;
  for (int p = 0; p < kTilePoints; ++p) {
    for (int64_t panel = 0; panel < u.panels(); ++panel) {
      gemm.n = gemm.b_k = gemm.c_m = u.width(panel);
      SetProduct(gemm, v_data + p * v.point(), u_data + p * u.point() + u.panel(panel), nullptr,
                 product_data + p * products.point() + products.panel(panel));
    }
  }
}

}  // namespace

TileGrid Convolution::input_grid() const {
  return {std::max(x_blocks, channel_blocks()), height, width, top, left, tile_rows(), tile_columns(), step()};
}

TileGrid Convolution::output_grid() const {
  return {std::max(y_blocks, filter_blocks()), out_height, out_width, 0, 0, tile_rows(), tile_columns(), step()};
}

Convolution Convolution::Adjoint() const {
  return {taps,   images, filters,        channels,        out_height, out_width,
          height, width,  taps - 1 - top, taps - 1 - left, y_blocks,   x_blocks};
}

Forward::Forward(const Convolution& conv, bool reversed, int threads) : conv_(conv), reversed_(reversed) {
  const int64_t blocks = conv.channel_blocks(), filter_blocks = conv.filter_blocks();
  by_filters_ = (blocks * kLanes * RowBytes(filter_blocks) > kMostSharedWeights || conv.channels > 2 * conv.tiles()) &&
                filter_blocks >= 2 * threads;
  if (by_filters_) {
    parts_ = threads;
    chunk_ = kChunkBlocks;
    tiles_at_once_ = EvenRounds(conv.tiles(), std::max(kSharedTiles / RowBytes(blocks), kLeastTiles));
  } else {
    parts_ = std::clamp<int64_t>(threads, 1, conv.tiles());
    chunk_ = filter_blocks;
    tiles_at_once_ = EvenRounds((conv.tiles() + parts_ - 1) / parts_,
                                std::max(kTilesOfPart / RowBytes(blocks + filter_blocks), kLeastTiles));
  }
  data_ = {tiles_at_once_, blocks, blocks};
}

PanelMatrix Forward::weights(int64_t blocks) const { return {conv_.channel_blocks() * kLanes, blocks, 2}; }
PanelMatrix Forward::products(int64_t blocks) const { return {tiles_at_once_, blocks, 2}; }

int64_t Forward::scratch_bytes() const {
  const int64_t u = weights(chunk_).floats(), products = this->products(chunk_).floats();
  const int64_t floats =
      by_filters_ ? data_.floats() + parts_ * (u + products) : u + parts_ * (data_.floats() + products);
  return floats * static_cast<int64_t>(sizeof(float));
}

// Number i of the blocks of weights for filter blocks [first, first + blocks).
void Forward::TransformWeights(const float* w, int64_t i, int64_t first, int64_t blocks, float* u) const {
  if (reversed_) {
    EvaluateReversedWeights({conv_.filter_blocks(), conv_.channel_blocks(), conv_.taps}, w, i / blocks, first,
                            i % blocks, weights(blocks), u);
  } else {
    EvaluateWeights({conv_.channel_blocks(), conv_.filter_blocks(), conv_.taps}, w, i / blocks, first, i % blocks,
                    weights(blocks), u);
  }
}

void Forward::RunByTiles(const float* x, const float* w, const TileEpilogue& epilogue, float* y, float* scratch) const {
  const PanelMatrix u = weights(chunk_), result = products(chunk_);
  const TileGrid in = conv_.input_grid(), out = conv_.output_grid();
  ParallelFor(conv_.channel_blocks() * chunk_, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) TransformWeights(w, i, 0, chunk_, scratch);
  });
  ParallelFor(parts_, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      float* const v = scratch + u.floats() + part * (data_.floats() + result.floats());
      float* const product = v + data_.floats();
      const int64_t end = conv_.tiles() * (part + 1) / parts_;
      for (int64_t tile = conv_.tiles() * part / parts_; tile < end; tile += tiles_at_once_) {
        const int64_t count = std::min(tiles_at_once_, end - tile);
        SpreadTiles(in, x, tile, count, data_, v);
        MultiplyTiles(data_, count, u, result, v, scratch, product);
        CollectTiles(out, product, result, 0, tile, count, epilogue, y);
      }
    }
  });
}

void Forward::RunByFilters(const float* x, const float* w, const TileEpilogue& epilogue, float* y,
                           float* scratch) const {
  const TileGrid in = conv_.input_grid(), out = conv_.output_grid();
  const int64_t pairs = (conv_.filter_blocks() + 1) / 2;
  for (int64_t tile = 0; tile < conv_.tiles(); tile += tiles_at_once_) {
    const int64_t count = std::min(tiles_at_once_, conv_.tiles() - tile);
    ParallelFor(count, 4, [&](int64_t begin, int64_t end) {
      SpreadTiles(in, x, tile + begin, end - begin, data_, scratch + begin * data_.step(0));
    });
    ParallelFor(parts_, 1, [&](int64_t first_part, int64_t last_part) {
      for (int64_t part = first_part; part < last_part; ++part) {
        float* const u = scratch + data_.floats() + part * (weights(chunk_).floats() + products(chunk_).floats());
        float* const product = u + weights(chunk_).floats();
        const int64_t end = std::min(conv_.filter_blocks(), pairs * (part + 1) / parts_ * 2);
        for (int64_t first = pairs * part / parts_ * 2; first < end; first += chunk_) {
          const int64_t blocks = std::min(chunk_, end - first);
          for (int64_t i = 0; i < conv_.channel_blocks() * blocks; ++i) TransformWeights(w, i, first, blocks, u);
          MultiplyTiles(data_, count, weights(blocks), products(blocks), scratch, u, product);
          CollectTiles(out, product, products(blocks), first, tile, count, epilogue, y);
        }
      }
    });
  }
}

void Forward::Run(const float* x, const float* w, const TileEpilogue& epilogue, float* y, float* scratch) const {
  if (by_filters_) {
    RunByFilters(x, w, epilogue, y, scratch);
  } else {
    RunByTiles(x, w, epilogue, y, scratch);
  }
}

}  // namespace gradus::winograd
