#include "ops/kernels/image_conv.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

constexpr int64_t kLanes = 8, kPanel = 2 * kLanes;  // filters in a block of y, and in a panel of packed weights
constexpr int64_t kMostChannels = 8;
constexpr int64_t kWideKernel = 8;

struct ImageConv {
  ConvRuns runs;
  int64_t parts;
  std::vector<int64_t> tap_in_panel, tap_in_last_panel;  // where a tap's weights begin

  ImageConv(const ConvRuns& conv, int threads)
      : runs(conv), parts(std::clamp<int64_t>(threads, 1, conv.images * conv.rows())) {
    for (int64_t tap = 0; tap < runs.taps(); ++tap) {
      tap_in_panel.push_back(tap * runs.run * kPanel);
      tap_in_last_panel.push_back(tap * runs.run * last_width());
    }
  }
  int64_t panels() const { return (runs.filters + kPanel - 1) / kPanel; }
  int64_t last_width() const { return runs.filters - (panels() - 1) * kPanel; }
  int64_t depth() const { return runs.taps() * runs.run; }
  int64_t weights() const { return WholeLines(depth() * runs.filters); }
  int64_t copy() const { return runs.padded() ? WholeLines(runs.padded_size) : 0; }
  int64_t scratch_bytes() const { return (weights() + parts * copy()) * static_cast<int64_t>(sizeof(float)); }

  // From w[t, r, f] to panels of w[t, r, some f].
  void Pack(const float* w, float* packed) const {
    for (int64_t f = 0; f < runs.filters; f += kPanel) {
      const int64_t width = std::min(kPanel, runs.filters - f);
      for (int64_t i = 0; i < depth(); ++i, packed += width) {
        std::memcpy(packed, w + i * runs.filters + f, width * sizeof(float));
      }
    }
  }

  // One row of y, all filters.
  void Row(const float* image, int64_t row, const float* packed, const float* bias, float* y) const {
    TileGemm gemm;
    gemm.m = runs.columns, gemm.k = runs.run;
    gemm.a_m = runs.step, gemm.a_k = 1;
    gemm.c_m = kLanes, gemm.c_block = runs.rows() * runs.columns * kLanes;
    gemm.batches = runs.taps(), gemm.a_batch = runs.tap_offset.data();
    for (int64_t panel = 0; panel < panels(); ++panel) {
      const bool last = panel + 1 == panels();
      gemm.n = gemm.b_k = last ? last_width() : kPanel;
      gemm.b_batch = last ? tap_in_last_panel.data() : tap_in_panel.data();
      SetProduct(gemm, image + runs.row_offset[row], packed + panel * kPanel * depth(),
                 bias == nullptr ? nullptr : bias + panel * kPanel,
                 y + panel * kPanel / kLanes * gemm.c_block + row * runs.columns * kLanes);
    }
  }

  void Part(int64_t part, const float* x, const float* packed, const float* bias, float* y, float* copy) const {
    const int64_t rows = runs.images * runs.rows(), end = rows * (part + 1) / parts;
    int64_t at_hand = -1;
    const float* image = nullptr;
    if (runs.padded()) std::memset(copy, 0, runs.padded_size * sizeof(float));
    for (int64_t row = rows * part / parts; row < end; ++row) {
      const int64_t number = row / runs.rows();
      if (number != at_hand) image = runs.Pad(x + number * runs.image_size, copy);
      at_hand = number;
      Row(image, row % runs.rows(), packed, bias, y + number * runs.y_image());
    }
  }
};

}  // namespace

bool ImageConvPays(const ConvRuns& runs) {
  return VectorWidth() == kLanes && runs.run > kWideKernel && runs.weights[1] < kLanes / 2;
}

std::optional<Candidate> ImageConvForward(const ConvRuns& runs, const Shape& x, const Shape& y, bool has_bias,
                                          int threads) {
  if (runs.channels_last || x.rank() != 4 || x[1] > kMostChannels || runs.filters % kLanes != 0) return std::nullopt;
  const auto conv = std::make_shared<const ImageConv>(runs, threads);
  std::vector<Layout> inputs = {Layout::Plain({DType::kFloat32, x}), runs.filters_last};
  if (has_bias) inputs.push_back(Layout::Plain({DType::kFloat32, Shape{runs.filters}}));
  const auto run = [conv, has_bias](const Buffers& buffers) {
    float* const packed = static_cast<float*>(buffers.scratch);
    conv->Pack(buffers.in<float>(1), packed);
    ParallelFor(conv->parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        conv->Part(part, buffers.in<float>(0), packed, has_bias ? buffers.in<float>(2) : nullptr, buffers.out<float>(0),
                   packed + conv->weights() + part * conv->copy());
      }
    });
    return absl::OkStatus();
  };
  return FunctionCandidate(kImageConv, std::move(inputs), {ChannelLayout({DType::kFloat32, y}, kLanes)}, run,
                           conv->scratch_bytes());
}

}  // namespace gradus
