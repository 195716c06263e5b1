#include "ops/kernels/fold_conv.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "graph/onednn_kernel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

constexpr int64_t kChunk = 8;                     // channels that are added at once; they lie side by side
constexpr int64_t kMostWeightBytes = 256 << 10;   // half of a second level cache
constexpr int64_t kMostProductFloats = 32 << 10;  // of a product, which should stay in that cache until it is added

// Some channels of the product, and where they go: f32[count, at most kChunk] with strides.
struct Chunk {
  const float* from;
  int64_t from_stride;
  float* to;
  int64_t to_stride;
  int64_t count;
};

template <int Width>
GRADUS_INLINE void AddChunk(const Chunk& chunk) {
  for (int64_t i = 0; i < chunk.count; ++i) {
    const float* __restrict from = chunk.from + i * chunk.from_stride;
    float* __restrict to = chunk.to + i * chunk.to_stride;
    for (int j = 0; j < Width; ++j) to[j] += from[j];
  }
}

GRADUS_MULTIVERSION void AddWholeChunk(const Chunk& chunk) { AddChunk<kChunk>(chunk); }
GRADUS_MULTIVERSION void AddHalfChunk(const Chunk& chunk) { AddChunk<kChunk / 2>(chunk); }

void Add(const Chunk& chunk, int64_t width) {
  if (width == kChunk) return AddWholeChunk(chunk);
  if (width == kChunk / 2) return AddHalfChunk(chunk);
  for (int64_t i = 0; i < chunk.count; ++i) {
    for (int64_t j = 0; j < width; ++j) chunk.to[i * chunk.to_stride + j] += chunk.from[i * chunk.from_stride + j];
  }
}

// An image whose lanes lie as the layout says, by positions of the padded image.
class FoldConv {
 public:
  FoldConv(const ConvRuns& runs, const Shape& x, int64_t x_lanes, const Shape& y, int64_t y_lanes, int threads)
      : runs_(runs),
        x_(x, x_lanes),
        y_(y, y_lanes),
        parts_(runs, threads),
        product_columns_(runs.taps() * runs.run),
        padded_positions_(runs.padded_size / x_.channels) {
    const int64_t row_floats = std::max<int64_t>(1, runs.columns * product_columns_);
    rows_at_once_ = std::clamp<int64_t>(kMostProductFloats / row_floats, 1, std::max<int64_t>(1, runs.rows()));
    for (int64_t offset : runs.tap_offset) {
      for (int64_t r = 0; r < runs.run; r += x_.channels) window_.push_back((offset + r) / x_.channels);
    }
  }

  int64_t scratch_bytes() const { return parts_.count * part_floats() * static_cast<int64_t>(sizeof(float)); }

  void Run(const Buffers& buffers) const {
    parts_.ForEach([&](int64_t part) {
      const Scratch scratch(*this, static_cast<float*>(buffers.scratch) + part * part_floats());
      for (int64_t image = parts_.begin(part); image < parts_.begin(part + 1); ++image) {
        float* const dx = buffers.out<float>(0) + image * ImageFloats(x_);
        FoldImage(buffers.in<float>(0) + image * ImageFloats(y_), buffers.in<float>(1), scratch,
                  runs_.padded() ? scratch.padded : dx);
        if (runs_.padded()) Crop(scratch.padded, dx);
      }
    });
  }

 private:
  static int64_t ImageFloats(const ChannelSizes& sizes) { return sizes.blocks * sizes.positions * sizes.lanes; }
  int64_t product_floats() const { return WholeLines(rows_at_once_ * runs_.columns * product_columns_); }
  int64_t joined_floats() const { return y_.blocks > 1 ? WholeLines(rows_at_once_ * runs_.columns * y_.channels) : 0; }
  int64_t padded_floats() const { return runs_.padded() ? WholeLines(x_.blocks * padded_positions_ * x_.lanes) : 0; }
  int64_t part_floats() const { return product_floats() + joined_floats() + padded_floats(); }

  // A part's memory.
  struct Scratch {
    float *product, *joined, *padded;
    Scratch(const FoldConv& conv, float* start)
        : product(start), joined(product + conv.product_floats()), padded(joined + conv.joined_floats()) {}
  };

  // product[position, tap, channel] = dy[position, filter] w[filter, tap, channel], for some rows of dy; `joined` is
  // memory for their filters side by side.
  void Multiply(int64_t row, int64_t rows, const float* dy, const float* w, float* joined, float* product) const {
    TileGemm gemm;
    gemm.m = rows * runs_.columns, gemm.n = product_columns_, gemm.k = gemm.a_m = y_.channels;
    gemm.a_k = 1, gemm.b_k = gemm.c_m = product_columns_;
    dy += row * runs_.columns * y_.lanes;
    for (int64_t f = 0; y_.blocks > 1 && f < y_.channels; f += y_.lanes) {
      const int64_t count = std::min(y_.lanes, y_.channels - f);
      for (int64_t i = 0; i < gemm.m; ++i) {
        std::memcpy(joined + i * y_.channels + f, dy + f * y_.positions + i * y_.lanes, count * sizeof(float));
      }
    }
    if (y_.blocks == 1) gemm.a_m = y_.lanes;
    SetProduct(gemm, y_.blocks > 1 ? joined : dy, w, nullptr, product);
  }

  void FoldImage(const float* dy, const float* w, const Scratch& scratch, float* dx) const {
    std::memset(dx, 0, x_.blocks * padded_positions_ * x_.lanes * sizeof(float));
    for (int64_t begin = 0; begin < runs_.rows(); begin += rows_at_once_) {
      const int64_t rows = std::min(rows_at_once_, runs_.rows() - begin);
      Multiply(begin, rows, dy, w, scratch.joined, scratch.product);
      // Neighbours go to different places for one position of the window, so no addition waits for the one before.
      for (size_t i = 0; i < window_.size(); ++i) {
        for (int64_t row = 0; row < rows; ++row) {
          AddPosition(scratch.product + row * runs_.columns * product_columns_ + static_cast<int64_t>(i) * x_.channels,
                      runs_.row_offset[begin + row] / x_.channels + window_[i], dx);
        }
      }
    }
  }

  // Adds what one row of dy gives for one position of the window: f32[columns, channels], from `position` in dx on.
  void AddPosition(const float* product, int64_t position, float* dx) const {
    for (int64_t c = 0; c < x_.channels; c += kChunk) {
      float* const to = dx + (c / x_.lanes * padded_positions_ + position) * x_.lanes + c % x_.lanes;
      Add({product + c, product_columns_, to, runs_.step / x_.channels * x_.lanes, runs_.columns},
          std::min(kChunk, x_.channels - c));
    }
  }

  void Crop(const float* padded, float* dx) const {
    const int64_t channels = x_.channels, lanes = x_.lanes;
    for (int64_t block = 0; block < x_.blocks; ++block) {
      const float* const from = padded + block * padded_positions_ * lanes;
      float* const to = dx + block * x_.positions * lanes;
      for (size_t i = 0; i < runs_.line_offset.size(); ++i) {
        std::memcpy(to + runs_.line_offset[i] / channels * lanes, from + runs_.padded_line_offset[i] / channels * lanes,
                    runs_.line / channels * lanes * sizeof(float));
      }
    }
  }

  const ConvRuns runs_;  // of dx channels last
  const ChannelSizes x_, y_;
  const ImageParts parts_;
  const int64_t product_columns_;
  const int64_t padded_positions_;
  int64_t rows_at_once_;
  std::vector<int64_t> window_;  // the positions under the window, from its first one on
};

}  // namespace

bool FoldConvPays(const ConvRuns& runs, int threads) {
  const bool pads = runs.filters % VectorWidth() != 0 || runs.weights[1] % VectorWidth() != 0;
  return pads && runs.images >= threads && runs.filters >= 8 &&
         runs.taps() * runs.tap_weights() * static_cast<int64_t>(sizeof(float)) <= kMostWeightBytes;
}

std::optional<Candidate> FoldConvBackwardData(const ConvRuns& runs, const Shape& x, const Shape& y,
                                              const Layout& y_layout, int threads) {
  const std::optional<int64_t> y_lanes = FindLanes(y_layout, {DType::kFloat32, y});
  if (!y_lanes.has_value() || !runs.channels_last || runs.taps() * runs.run < kTileGemmLeastN) return std::nullopt;
  const bool channels_last = *y_lanes == y[1];
  if (!channels_last && *y_lanes % kChunk != 0) return std::nullopt;
  const int64_t x_lanes = channels_last ? x[1] : *y_lanes;
  const auto fold = std::make_shared<const FoldConv>(runs, x, x_lanes, y, *y_lanes, threads);
  const auto run = [fold](const Buffers& buffers) {
    fold->Run(buffers);
    return absl::OkStatus();
  };
  return FunctionCandidate(kFoldConv, {y_layout, ChannelsLast(runs.weights)},
                           {ChannelLayout({DType::kFloat32, x}, x_lanes)}, run, fold->scratch_bytes());
}

}  // namespace gradus
