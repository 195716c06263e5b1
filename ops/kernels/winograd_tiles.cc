#include "ops/kernels/winograd_tiles.h"

namespace gradus::winograd {
namespace {

// The part of a tile that lies in the image.
struct Overlap {
  int64_t row, column;                                     // of the tile's corner
  int64_t first_row, last_row, first_column, last_column;  // within the tile; the last are excluded
  const float* Corner(const float* plane, int64_t width) const { return plane + (row * width + column) * kLanes; }
};

GRADUS_INLINE Overlap OverlapOf(const TileGrid& grid, int64_t row, int64_t column, int64_t size) {
  Overlap o;
  o.row = row * grid.step - grid.top;
  o.column = column * grid.step - grid.left;
  o.first_row = std::clamp<int64_t>(-o.row, 0, size), o.last_row = std::clamp<int64_t>(grid.height - o.row, 0, size);
  o.first_column = std::clamp<int64_t>(-o.column, 0, size);
  o.last_column = std::clamp<int64_t>(grid.width - o.column, 0, size);
  return o;
}

GRADUS_INLINE bool Whole(const Overlap& o, int64_t size) {
  return o.first_row == 0 && o.first_column == 0 && o.last_row == size && o.last_column == size;
}

// A tile that reaches beyond the image: zeros there. Reads within the image only.
template <int Size>
struct BorderTile {
  typedef int32_t Mask __attribute__((vector_size(sizeof(Lanes))));
  const float* rows[Size];
  int64_t columns[Size];
  Mask row_inside[Size], column_inside[Size];

  GRADUS_INLINE BorderTile(const TileGrid& grid, const Overlap& o, const float* plane) {
    for (int i = 0; i < Size; ++i) {
      rows[i] = plane + std::clamp<int64_t>(o.row + i, 0, grid.height - 1) * grid.width * kLanes;
      columns[i] = std::clamp<int64_t>(o.column + i, 0, grid.width - 1) * kLanes;
      row_inside[i] = Mask{} - static_cast<int32_t>(i >= o.first_row && i < o.last_row);
      column_inside[i] = Mask{} - static_cast<int32_t>(i >= o.first_column && i < o.last_column);
    }
  }
  GRADUS_INLINE void Load(int i, int j, Lanes& value) const {
    winograd::Load(rows[i] + columns[j], value);
    value = reinterpret_cast<Lanes>(reinterpret_cast<Mask>(value) & row_inside[i] & column_inside[j]);
  }
};

// Walks over tiles in order.
struct TileCursor {
  int64_t image, row, column;
  TileCursor(const TileGrid& grid, int64_t tile)
      : image(tile / (grid.rows * grid.columns)), row(tile / grid.columns % grid.rows), column(tile % grid.columns) {}
  GRADUS_INLINE void Next(const TileGrid& grid) {
    if (++column < grid.columns) return;
    column = 0;
    if (++row < grid.rows) return;
    row = 0;
    ++image;
  }
};

// One tile to its points; adds its values to `total` if that is wanted.
template <typename Step, typename Tile>
GRADUS_INLINE void TileToPoints(const Tile& tile, int64_t point, float* to, bool sum, Lanes& total) {
  Lanes out[kPoints][kPoints];
  TransformTile<Step>(tile, out);
#pragma GCC unroll 6
  for (int i = 0; i < kPoints; ++i) {
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j) Store(out[i][j], to + (i * kPoints + j) * point);
  }
  if (!sum) return;
  for (int i = 0; i < Step::kIn; ++i) {
    Lanes line{};
    for (int j = 0; j < Step::kIn; ++j) {
      Lanes value;
      tile.Load(i, j, value);
      line += value;
    }
    total += line;
  }
}

template <typename Step>
GRADUS_INLINE void ToPoints(const TileGrid& grid, const float* x, int64_t first, int64_t begin, int64_t count,
                            const PanelMatrix& matrix, float* v, float* sum) {
  constexpr int kSize = Step::kIn;
  const int64_t plane = grid.height * grid.width * kLanes, point = matrix.point();
  for (int64_t block = 0; block < matrix.blocks; ++block) {
    float* to = v + matrix.offset(block);
    const int64_t step = matrix.step(block);
    TileCursor at(grid, begin);
    Lanes total{};
    for (int64_t t = 0; t < count; ++t, to += step, at.Next(grid)) {
      const float* const from = x + (at.image * grid.blocks + first + block) * plane;
      const Overlap overlap = OverlapOf(grid, at.row, at.column, kSize);
      if (Whole(overlap, kSize)) {
        TileToPoints<Step>(StridedTile{overlap.Corner(from, grid.width), grid.width * kLanes, kLanes}, point, to,
                           sum != nullptr, total);
      } else {
        TileToPoints<Step>(BorderTile<kSize>(grid, overlap, from), point, to, sum != nullptr, total);
      }
    }
    if (sum == nullptr) continue;
    Lanes old;
    Load(sum + block * kLanes, old);
    total += old;
    Store(total, sum + block * kLanes);
  }
}

template <int M>
GRADUS_INLINE void ToImages(const TileGrid& grid, const float* products, const PanelMatrix& matrix, int64_t first,
                            int64_t begin, int64_t count, const TileEpilogue& epilogue, float* y) {
  const int64_t plane = grid.height * grid.width * kLanes, point = matrix.point();
  for (int64_t block = 0; block < matrix.blocks; ++block) {
    const float* from = products + matrix.offset(block);
    const int64_t step = matrix.step(block);
    Lanes bias{};
    if (epilogue.bias != nullptr) {
      const int64_t channel = (first + block) * kLanes;
      std::memcpy(&bias, epilogue.bias + channel,
                  std::clamp<int64_t>(epilogue.filters - channel, 0, kLanes) * sizeof(float));
    }
    TileCursor at(grid, begin);
    for (int64_t t = 0; t < count; ++t, from += step, at.Next(grid)) {
      Lanes out[M][M];
      TransformTile<CollectStep<M>>(StridedTile{from, kPoints * point, point}, out);
      const Overlap overlap = OverlapOf(grid, at.row, at.column, M);
      const int64_t corner =
          (at.image * grid.blocks + first + block) * plane + (overlap.row * grid.width + overlap.column) * kLanes;
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < M; ++j) {
          if (i >= overlap.last_row || j >= overlap.last_column) continue;
          const int64_t place = corner + (i * grid.width + j) * kLanes;
          Lanes value = out[i][j] + bias;
          if (epilogue.add != nullptr) {
            Lanes more;
            Load(epilogue.add + place, more);
            value += more;
          }
          if (epilogue.relu) value = value < 0 ? Lanes{} : value;  // NaN stays
          Store(value, y + place);
        }
      }
    }
  }
}

// 8 x 8 floats: out[j][i] = in[i][j].
GRADUS_INLINE void Transpose(const Lanes (&in)[kLanes], Lanes (&out)[kLanes]) {
  typedef int Index __attribute__((vector_size(kLanes * sizeof(int))));
  Lanes a[kLanes], b[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    a[i] = __builtin_shuffle(in[i], in[i + 1], Index{0, 8, 2, 10, 4, 12, 6, 14});
    a[i + 1] = __builtin_shuffle(in[i], in[i + 1], Index{1, 9, 3, 11, 5, 13, 7, 15});
  }
  for (int i = 0; i < kLanes; i += 4) {
    for (int k = 0; k < 2; ++k) {
      b[i + k] = __builtin_shuffle(a[i + k], a[i + k + 2], Index{0, 1, 8, 9, 4, 5, 12, 13});
      b[i + k + 2] = __builtin_shuffle(a[i + k], a[i + k + 2], Index{2, 3, 10, 11, 6, 7, 14, 15});
    }
  }
  for (int k = 0; k < 4; ++k) {
    out[k] = __builtin_shuffle(b[k], b[k + 4], Index{0, 1, 2, 3, 8, 9, 10, 11});
    out[k + 4] = __builtin_shuffle(b[k], b[k + 4], Index{4, 5, 6, 7, 12, 13, 14, 15});
  }
}

template <int R>
GRADUS_INLINE void WeightsToPoints(const float* w, int64_t tap, int64_t point, float* to) {
  Lanes out[kPoints][kPoints];
  TransformTile<EvaluateStep<R>>(StridedTile{w, R * tap, tap}, out);
#pragma GCC unroll 6
  for (int i = 0; i < kPoints; ++i) {
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j) {
      const Lanes value = out[i][j] * (kWeight[i] * kWeight[j]);
      Store(value, to + (i * kPoints + j) * point);
    }
  }
}

constexpr int kBlock = kLanes * kLanes;  // floats of one tap in a block of weights

template <int R>
GRADUS_INLINE void Forward(const float* block, const PanelMatrix& matrix, int64_t in, int64_t out, float* u) {
  const int64_t step = matrix.step(out);
  float* const to = u + matrix.offset(out) + in * kLanes * step;
  for (int i = 0; i < kLanes; ++i) WeightsToPoints<R>(block + i * kLanes, kBlock, matrix.point(), to + i * step);
}

template <int R>
GRADUS_INLINE void Reversed(const float* block, const PanelMatrix& matrix, int64_t in, int64_t out, float* u) {
  alignas(32) float turned[R * R * kBlock];
  for (int tap = 0; tap < R * R; ++tap) {
    Lanes from[kLanes], to[kLanes];
    for (int i = 0; i < kLanes; ++i) Load(block + tap * kBlock + i * kLanes, from[i]);
    Transpose(from, to);
    for (int i = 0; i < kLanes; ++i) Store(to[i], turned + (R * R - 1 - tap) * kBlock + i * kLanes);
  }
  Forward<R>(turned, matrix, in, out, u);
}

template <int R>
GRADUS_INLINE void ToWeights(const float* u, int64_t parts, int64_t part, const PanelMatrix& matrix, int64_t in,
                             int64_t out, float* block) {
  const int64_t step = matrix.step(out), point = matrix.point();
  for (int i = 0; i < kLanes; ++i) {
    const float* const from = u + matrix.offset(out) + (in * kLanes + i) * step;
    alignas(32) float sums[kTilePoints * kLanes];
    for (int p = 0; p < kTilePoints; ++p) {
      Lanes sum{};
      for (int64_t k = 0; k < parts; ++k) {
        Lanes value;
        Load(from + k * part + p * point, value);
        sum += value;
      }
      sum *= kWeight[p / kPoints] * kWeight[p % kPoints];
      Store(sum, sums + p * kLanes);
    }
    Lanes result[R][R];
    TransformTile<CollectStep<R>>(StridedTile{sums, kPoints * kLanes, kLanes}, result);
    for (int tap = 0; tap < R * R; ++tap) Store(result[tap / R][tap % R], block + tap * kBlock + i * kLanes);
  }
}

}  // namespace

GRADUS_AVX2 void SpreadTiles(const TileGrid& grid, const float* x, int64_t begin, int64_t count,
                             const PanelMatrix& matrix, float* v) {
  ToPoints<SpreadStep>(grid, x, 0, begin, count, matrix, v, nullptr);
}

GRADUS_AVX2 void EvaluateTiles(const TileGrid& grid, const float* dy, int64_t first, int64_t begin, int64_t count,
                               const PanelMatrix& matrix, float* d, float* sum) {
  if (grid.step == 4) {
    ToPoints<EvaluateStep<4>>(grid, dy, first, begin, count, matrix, d, sum);
  } else {
    ToPoints<EvaluateStep<2>>(grid, dy, first, begin, count, matrix, d, sum);
  }
}

GRADUS_AVX2 void CollectTiles(const TileGrid& grid, const float* products, const PanelMatrix& matrix, int64_t first,
                              int64_t begin, int64_t count, const TileEpilogue& epilogue, float* y) {
  if (grid.step == 4) {
    ToImages<4>(grid, products, matrix, first, begin, count, epilogue, y);
  } else {
    ToImages<2>(grid, products, matrix, first, begin, count, epilogue, y);
  }
}

GRADUS_AVX2 void EvaluateWeights(const WeightTiles& weights, const float* w, int64_t in, int64_t first, int64_t out,
                                 const PanelMatrix& matrix, float* u) {
  const int64_t taps = weights.taps * weights.taps;
  const float* const block = w + ((first + out) * weights.channel_blocks + in) * taps * kBlock;
  if (weights.taps == 3) {
    Forward<3>(block, matrix, in, out, u);
  } else {
    Forward<5>(block, matrix, in, out, u);
  }
}

GRADUS_AVX2 void EvaluateReversedWeights(const WeightTiles& weights, const float* w, int64_t in, int64_t first,
                                         int64_t out, const PanelMatrix& matrix, float* u) {
  const int64_t taps = weights.taps * weights.taps;
  const float* const block = w + (in * weights.channel_blocks + first + out) * taps * kBlock;
  if (weights.taps == 3) {
    Reversed<3>(block, matrix, in, out, u);
  } else {
    Reversed<5>(block, matrix, in, out, u);
  }
}

GRADUS_AVX2 void CollectWeights(const WeightTiles& weights, const float* u, int64_t parts, int64_t part, int64_t in,
                                int64_t first, int64_t out, const PanelMatrix& matrix, float* dw) {
  const int64_t taps = weights.taps * weights.taps;
  float* const block = dw + ((first + out) * weights.channel_blocks + in) * taps * kBlock;
  if (weights.taps == 3) {
    ToWeights<3>(u, parts, part, matrix, in, out, block);
  } else {
    ToWeights<5>(u, parts, part, matrix, in, out, block);
  }
}

}  // namespace gradus::winograd
