#include "ops/kernels/winograd_gradient.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus::winograd {
namespace {

// Bytes of scratch memory of a part, as measured to be best with 512 KB and 32 MB of second and third level cache.
constexpr int64_t kMostGradients = 8 << 20;
constexpr int64_t kMostTiles = 2 << 20;
constexpr int64_t kMostKeptTiles = 10 << 20;  // tiles that are transformed once for all chunks of filters
constexpr int64_t kLeastTiles = 96;           // at once
constexpr int64_t kLeastFilterBlocks = 16;    // of a part that has filters of its own
constexpr int64_t kKeptChunk = 4;             // filter blocks at once beside kept tiles

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

// What a part does at once.
struct BackwardWeights::Chunk {
  int64_t number;
  int64_t begin_tile, end_tile;
  int64_t first, blocks;  // of filters
};

// What it does that with.
struct BackwardWeights::Memory {
  float *u, *sums, *data, *outputs;
};

BackwardWeights::BackwardWeights(const Convolution& conv, int threads) : conv_(conv) {
  const int64_t c = conv.channel_blocks(), f = conv.filter_blocks();
  filter_parts_ = threads;
  while (filter_parts_ > 1 && (threads % filter_parts_ != 0 || f / filter_parts_ < kLeastFilterBlocks)) --filter_parts_;
  tile_parts_ = std::clamp<int64_t>(threads / filter_parts_, 1, conv.tiles());
  const int64_t most_blocks = ((f + 1) / 2 + filter_parts_ - 1) / filter_parts_ * 2;
  if (tile_parts_ == 1 && conv.tiles() * RowBytes(c) <= kMostKeptTiles) {
    chunk_ = std::min(kKeptChunk, most_blocks);
    tiles_at_once_ = conv.tiles();
  } else {
    chunk_ = std::clamp<int64_t>(kMostGradients / (c * kLanes * RowBytes(1)) / 2 * 2, 2, most_blocks);
    tiles_at_once_ = EvenRounds((conv.tiles() + tile_parts_ - 1) / tile_parts_,
                                std::max(kMostTiles / RowBytes(c + chunk_), kLeastTiles));
  }
  chunks_ = (most_blocks + chunk_ - 1) / chunk_;
  data_ = {tiles_at_once_, c, 3};
}

PanelMatrix BackwardWeights::gradients(int64_t blocks) const { return {conv_.channel_blocks() * kLanes, blocks, 2}; }
PanelMatrix BackwardWeights::outputs(int64_t blocks) const { return {tiles_at_once_, blocks, 2}; }

int64_t BackwardWeights::part_floats() const {
  return gradients(chunk_).floats() + data_.floats() + outputs(chunk_).floats() + 2 * chunk_ * kLanes;
}

int64_t BackwardWeights::scratch_bytes() const {
  return filter_parts_ * tile_parts_ * part_floats() * static_cast<int64_t>(sizeof(float));
}

BackwardWeights::Memory BackwardWeights::MemoryOf(int64_t part, float* scratch) const {
  Memory memory;
  memory.u = scratch + part * part_floats();
  memory.data = memory.u + gradients(chunk_).floats();
  memory.outputs = memory.data + data_.floats();
  memory.sums = memory.outputs + outputs(chunk_).floats();
  return memory;
}

// Filters are split in pairs of blocks. A part's last chunks may be empty.
BackwardWeights::Chunk BackwardWeights::ChunkOf(int64_t part, int64_t number) const {
  const int64_t filter_part = part / tile_parts_, tile_part = part % tile_parts_;
  const int64_t tiles = conv_.tiles(), f = conv_.filter_blocks(), pairs = (f + 1) / 2;
  const int64_t begin = pairs * filter_part / filter_parts_ * 2;
  const int64_t end = std::min(f, pairs * (filter_part + 1) / filter_parts_ * 2);
  const int64_t first = std::min(end, begin + number * chunk_);
  return {number, tiles * tile_part / tile_parts_, tiles * (tile_part + 1) / tile_parts_, first,
          std::min(chunk_, end - first)};
}

void BackwardWeights::Accumulate(const Chunk& chunk, const float* x, const float* dy, const Memory& memory) const {
  if (chunk.blocks == 0) return;
  const TileGrid in = conv_.input_grid(), out = conv_.output_grid();
  const int64_t filters = chunk.blocks * kLanes;
  float* const round_sums = memory.sums + filters;
  std::memset(memory.sums, 0, filters * sizeof(float));
  for (int64_t tile = chunk.begin_tile; tile < chunk.end_tile; tile += tiles_at_once_) {
    const int64_t count = std::min(tiles_at_once_, chunk.end_tile - tile);
    const bool kept = chunk.number > 0 && count == chunk.end_tile - chunk.begin_tile;
    if (!kept) SpreadTiles(in, x, tile, count, data_, memory.data);
    std::memset(round_sums, 0, filters * sizeof(float));
    EvaluateTiles(out, dy, chunk.first, tile, count, outputs(chunk.blocks), memory.outputs, round_sums);
    for (int64_t i = 0; i < filters; ++i) memory.sums[i] += round_sums[i];
    MultiplyGradients(data_, outputs(chunk.blocks), count, gradients(chunk.blocks), memory.data, memory.outputs,
                      tile != chunk.begin_tile, memory.u);
  }
}

// Sums over the tile parts, whose memory begins with `memory`, for channel blocks [begin, end).
void BackwardWeights::Collect(const Chunk& chunk, const Memory& memory, int64_t begin, int64_t end, float* dw) const {
  const WeightTiles weights{conv_.channel_blocks(), conv_.filter_blocks(), conv_.taps};
  for (int64_t in = begin; in < end; ++in) {
    for (int64_t out = 0; out < chunk.blocks; ++out) {
      CollectWeights(weights, memory.u, tile_parts_, part_floats(), in, chunk.first, out, gradients(chunk.blocks), dw);
    }
  }
}

void BackwardWeights::CollectBias(const Chunk& chunk, const Memory& memory, float* db) const {
  const int64_t first = chunk.first * kLanes;
  for (int64_t f = first; f < std::min(conv_.filters, first + chunk.blocks * kLanes); ++f) {
    db[f] = 0;
    for (int64_t t = 0; t < tile_parts_; ++t) db[f] += memory.sums[t * part_floats() + f - first];
  }
}

void BackwardWeights::Run(const float* x, const float* dy, float* dw, float* db, float* scratch) const {
  const int64_t channel_blocks = conv_.channel_blocks();
  if (tile_parts_ == 1) {
    ParallelFor(filter_parts_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        const Memory memory = MemoryOf(part, scratch);
        for (int64_t number = 0; number < chunks_; ++number) {
          const Chunk chunk = ChunkOf(part, number);
          Accumulate(chunk, x, dy, memory);
          Collect(chunk, memory, 0, channel_blocks, dw);
          if (db != nullptr) CollectBias(chunk, memory, db);
        }
      }
    });
    return;
  }
  for (int64_t number = 0; number < chunks_; ++number) {
    ParallelFor(filter_parts_ * tile_parts_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        Accumulate(ChunkOf(part, number), x, dy, MemoryOf(part, scratch));
      }
    });
    for (int64_t part = 0; part < filter_parts_ * tile_parts_; part += tile_parts_) {
      const Chunk chunk = ChunkOf(part, number);
      ParallelFor(channel_blocks, 1,
                  [&](int64_t begin, int64_t end) { Collect(chunk, MemoryOf(part, scratch), begin, end, dw); });
      if (db != nullptr) CollectBias(chunk, MemoryOf(part, scratch), db);
    }
  }
}

}  // namespace gradus::winograd
