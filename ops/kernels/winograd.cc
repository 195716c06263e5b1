#include "ops/kernels/winograd.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/parallel.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus::winograd {
namespace {

// Bytes of scratch memory, as measured to be best with 512 KB and 32 MB of second and third level cache.
constexpr int64_t kMostSharedWeights = 10 << 20;
constexpr int64_t kSharedTiles = 12 << 20;
constexpr int64_t kTilesOfPart = 512 << 10;
constexpr int64_t kGradientsOfPart = 8 << 20;
constexpr int64_t kGradientTilesOfPart = 2 << 20;
constexpr int64_t kLeastGradientTiles = 96;
constexpr int64_t kLeastTiles = 48;         // at once
constexpr int64_t kChunkBlocks = 8;         // filter blocks at once where threads have filters of their own
constexpr int64_t kLeastBlocksOfPart = 16;  // filter blocks worth a thread of their own in the weight gradient

// Rows of at most `most` in rounds of about `at_once`, of equal size.
int64_t EvenRounds(int64_t most, int64_t at_once) {
  const int64_t rounds = (most + at_once - 1) / at_once;
  return (most + rounds - 1) / rounds;
}

// Bytes of one row of a matrix with so many blocks.
int64_t RowBytes(int64_t blocks) { return kTilePoints * blocks * kLanes * static_cast<int64_t>(sizeof(float)); }

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

// u[c, f] (+)= sum over tiles of v[t, c] d[t, f], at each point.
void MultiplyGradients(const PanelMatrix& v, const PanelMatrix& d, int64_t count, const PanelMatrix& u,
                       const float* v_data, const float* d_data, bool add, float* u_data) {
  TileGemm gemm;
  gemm.k = count, gemm.a_m = 1;
  for (int p = 0; p < kTilePoints; ++p) {
    for (int64_t right = 0; right < d.panels(); ++right) {
      gemm.n = gemm.b_k = gemm.c_m = d.width(right);
      for (int64_t left = 0; left < v.panels(); ++left) {
        gemm.m = gemm.a_k = v.width(left);
        const float* const a = v_data + p * v.point() + v.panel(left);
        const float* const b = d_data + p * d.point() + d.panel(right);
        float* const c = u_data + p * u.point() + u.panel(right) + left * v.wide * kLanes * gemm.n;
        if (add) {
          AddProduct(gemm, a, b, c);
        } else {
          SetProduct(gemm, a, b, nullptr, c);
        }
      }
    }
  }
}

}  // namespace

TileGrid Convolution::input_grid() const {
  return {channel_blocks(), height, width, top, left, tile_rows(), tile_columns(), step()};
}

TileGrid Convolution::output_grid() const {
  return {filter_blocks(), out_height, out_width, 0, 0, tile_rows(), tile_columns(), step()};
}

Convolution Convolution::Adjoint() const {
  return {taps, images, filters, channels, out_height, out_width, height, width, taps - 1 - top, taps - 1 - left};
}

// ---- forward

Forward::Forward(const Convolution& conv, bool reversed, int threads) : conv_(conv), reversed_(reversed) {
  const int64_t blocks = conv.channel_blocks(), filter_blocks = conv.filter_blocks();
  by_filters_ = blocks * kLanes * RowBytes(filter_blocks) > kMostSharedWeights && filter_blocks >= 2 * threads;
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

// ---- backward weights

// What one thread does: some of the tiles, for some of the filter blocks.
struct BackwardWeights::Part {
  int64_t tile_part, begin_tile, end_tile;
  int64_t begin_block, end_block;
};

BackwardWeights::BackwardWeights(const Convolution& conv, int threads) : conv_(conv) {
  const int64_t c = conv.channel_blocks(), f = conv.filter_blocks();
  filter_parts_ = threads;
  while (filter_parts_ > 1 && (threads % filter_parts_ != 0 || f / filter_parts_ < kLeastBlocksOfPart)) --filter_parts_;
  tile_parts_ = std::clamp<int64_t>(threads / filter_parts_, 1, conv.tiles());
  chunk_ = std::clamp<int64_t>(kGradientsOfPart / (c * kLanes * RowBytes(1)) / 2 * 2, 2,
                               (f + filter_parts_ - 1) / filter_parts_);
  tiles_at_once_ = EvenRounds((conv.tiles() + tile_parts_ - 1) / tile_parts_,
                              std::max(kGradientTilesOfPart / RowBytes(c + chunk_), kLeastGradientTiles));
  data_ = {tiles_at_once_, c, 3};
}

PanelMatrix BackwardWeights::gradients(int64_t blocks) const { return {conv_.channel_blocks() * kLanes, blocks, 2}; }

int64_t BackwardWeights::part_floats() const {
  const PanelMatrix dy{tiles_at_once_, chunk_, 2};
  return gradients(chunk_).floats() + data_.floats() + dy.floats() + 2 * chunk_ * kLanes;
}

int64_t BackwardWeights::scratch_bytes() const {
  return filter_parts_ * tile_parts_ * part_floats() * static_cast<int64_t>(sizeof(float));
}

void BackwardWeights::Accumulate(const Part& part, int64_t first, int64_t blocks, const float* x, const float* dy,
                                 float* u, float* sums, float* scratch) const {
  const TileGrid in = conv_.input_grid(), out = conv_.output_grid();
  const PanelMatrix d{tiles_at_once_, blocks, 2};
  float* const d_data = scratch + data_.floats();
  float* const block_sums = sums + blocks * kLanes;
  std::memset(sums, 0, blocks * kLanes * sizeof(float));
  for (int64_t tile = part.begin_tile; tile < part.end_tile; tile += tiles_at_once_) {
    const int64_t count = std::min(tiles_at_once_, part.end_tile - tile);
    SpreadTiles(in, x, tile, count, data_, scratch);
    std::memset(block_sums, 0, blocks * kLanes * sizeof(float));
    EvaluateTiles(out, dy, first, tile, count, d, d_data, block_sums);
    for (int64_t i = 0; i < blocks * kLanes; ++i) sums[i] += block_sums[i];
    MultiplyGradients(data_, d, count, gradients(blocks), scratch, d_data, tile != part.begin_tile, u);
  }
}

BackwardWeights::Part BackwardWeights::PartOf(int64_t part) const {
  const int64_t filter_part = part / tile_parts_, tile_part = part % tile_parts_;
  const int64_t tiles = conv_.tiles(), f = (conv_.filter_blocks() + 1) / 2;
  return {tile_part, tiles * tile_part / tile_parts_, tiles * (tile_part + 1) / tile_parts_,
          std::min(conv_.filter_blocks(), f * filter_part / filter_parts_ * 2),
          std::min(conv_.filter_blocks(), f * (filter_part + 1) / filter_parts_ * 2)};
}

void BackwardWeights::Run(const float* x, const float* dy, float* dw, float* db, float* scratch) const {
  const int64_t c = conv_.channel_blocks();
  const WeightTiles tiles{c, conv_.filter_blocks(), conv_.taps};
  const int64_t parts = filter_parts_ * tile_parts_;
  const int64_t sums_offset = part_floats() - 2 * chunk_ * kLanes;
  const int64_t most_blocks = PartOf(parts - 1).end_block - PartOf(parts - 1).begin_block;
  for (int64_t chunk = 0; chunk < most_blocks; chunk += chunk_) {
    const auto chunk_of = [&](const Part& part) {
      const int64_t first = std::min(part.end_block, part.begin_block + chunk);
      return std::make_pair(first, std::min(chunk_, part.end_block - first));
    };
    ParallelFor(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Part part = PartOf(i);
        const auto [first, blocks] = chunk_of(part);
        float* const u = scratch + i * part_floats();
        if (blocks > 0) {
          Accumulate(part, first, blocks, x, dy, u, u + sums_offset, u + gradients(chunk_).floats());
        }
      }
    });
    for (int64_t filter_part = 0; filter_part < filter_parts_; ++filter_part) {
      const auto [first_block, block_count] = chunk_of(PartOf(filter_part * tile_parts_));
      const int64_t first = first_block, blocks = block_count;
      const float* const u = scratch + filter_part * tile_parts_ * part_floats();
      ParallelFor(c * blocks, 4, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          CollectWeights(tiles, u, tile_parts_, part_floats(), i / blocks, first, i % blocks, gradients(blocks), dw);
        }
      });
      if (db == nullptr) continue;
      for (int64_t f = first * kLanes; f < std::min(conv_.filters, (first + blocks) * kLanes); ++f) {
        float sum = 0;
        for (int64_t t = 0; t < tile_parts_; ++t) sum += u[t * part_floats() + sums_offset + f - first * kLanes];
        db[f] = sum;
      }
    }
  }
}

}  // namespace gradus::winograd
