#include "ops/kernels/direct_conv.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/onednn.h"
#include "core/parallel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

using Runs = std::shared_ptr<const ConvRuns>;

constexpr int64_t kFirstLevelCache = 16 << 10;  // bytes of it that weights may take
constexpr int64_t kSecondLevelCache = 256 << 10;
constexpr int64_t kBlock = 8;  // filters in a block of dy

int64_t CopyFloats(const ConvRuns& runs) { return runs.padded() ? WholeLines(runs.padded_size) : 0; }

Layout PlainVector(int64_t size) { return Layout::Plain({DType::kFloat32, Shape{size}}); }

// ---- forward

// One image. When the weights fit the first level of cache, a row of y is one product; else one a tap, and all rows
// have their turn before the next tap's weights.
void ForwardImage(const ConvRuns& runs, const std::vector<int64_t>& tap_weights, const float* x, const float* w,
                  const float* bias, float* y) {
  TileGemm gemm;
  gemm.m = runs.columns, gemm.n = runs.filters, gemm.k = runs.run;
  gemm.a_m = runs.step, gemm.a_k = 1, gemm.b_k = runs.filters, gemm.c_m = runs.filters;
  if (runs.taps() * runs.tap_weights() * static_cast<int64_t>(sizeof(float)) <= kFirstLevelCache) {
    gemm.batches = runs.taps();
    gemm.a_batch = runs.tap_offset.data();
    gemm.b_batch = tap_weights.data();
    for (int64_t row = 0; row < runs.rows(); ++row) {
      SetProduct(gemm, x + runs.row_offset[row], w, bias, y + runs.row_offset_in_y[row]);
    }
    return;
  }
  for (int64_t tap = 0; tap < runs.taps(); ++tap) {
    for (int64_t row = 0; row < runs.rows(); ++row) {
      const float* const a = x + runs.row_offset[row] + runs.tap_offset[tap];
      float* const c = y + runs.row_offset_in_y[row];
      if (tap == 0) {
        SetProduct(gemm, a, w, bias, c);
      } else {
        AddProduct(gemm, a, w + tap_weights[tap], c);
      }
    }
  }
}

// ---- backward weights

// Share of the lanes that work when vectors lie along `size` elements.
double LanesUsed(int64_t size) {
  if (size < kTileGemmLeastN) return 0;
  const int64_t width = std::min<int64_t>(VectorWidth(), size >= 16 ? 16 : size >= 8 ? 8 : 4);
  return static_cast<double>(size) / static_cast<double>((size + width - 1) / width * width);
}

// How dy lies, and dw while it is added up: [taps, run, filters with the padding of dy's blocks], or with `runs_last`
// [taps, filters, run].
struct WeightSums {
  WeightSums(const ConvRuns& runs, const ChannelSizes& y)
      : runs_last(LanesUsed(runs.run) > LanesUsed(runs.filters)),
        y(y),
        inner(runs_last ? runs.run : y.blocks * y.lanes),
        tap(runs_last ? runs.tap_weights() : runs.run * inner) {
    for (int64_t row = 0; row < runs.rows(); ++row) y_row.push_back(row * runs.columns * y.lanes);
  }
  bool blocked() const { return y.blocks > 1; }
  int64_t y_image() const { return y.blocks * y.positions * y.lanes; }

  bool runs_last;
  ChannelSizes y;
  int64_t inner, tap;          // floats in a row and a tap of the sums
  std::vector<int64_t> y_row;  // where rows of dy begin, in each block
};

// Adds the products of one image. All taps have their turn while some rows of dy are in the first level of cache.
void BackwardWeightsImage(const ConvRuns& runs, const WeightSums& sums, const float* x, const float* dy, float* dw) {
  TileGemm gemm;
  gemm.a_m = 1;
  gemm.k = runs.columns;
  gemm.n = gemm.c_m = sums.inner;
  if (sums.runs_last) {
    gemm.m = runs.filters;
    gemm.a_k = sums.y.lanes, gemm.b_k = runs.step;
  } else {
    gemm.m = runs.run;
    gemm.a_k = runs.step, gemm.b_k = sums.y.lanes;
    if (sums.blocked()) gemm.b_block = sums.y.positions * sums.y.lanes;
  }
  const int64_t row_bytes = runs.columns * runs.filters * static_cast<int64_t>(sizeof(float));
  const int64_t rows_at_once = std::max<int64_t>(1, kFirstLevelCache / row_bytes);
  const int64_t blocks = (runs.rows() + rows_at_once - 1) / rows_at_once;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = runs.rows() * block / blocks, end = runs.rows() * (block + 1) / blocks;
    gemm.batches = end - begin;
    gemm.a_batch = (sums.runs_last ? sums.y_row : runs.row_offset).data() + begin;
    gemm.b_batch = (sums.runs_last ? runs.row_offset : sums.y_row).data() + begin;
    for (int64_t tap = 0; tap < runs.taps(); ++tap) {
      const float* const under_tap = x + runs.tap_offset[tap];
      AddProduct(gemm, sums.runs_last ? dy : under_tap, sums.runs_last ? under_tap : dy, dw + tap * sums.tap);
    }
  }
}

// total += the sum of `count` rows of n floats, by way of `sum`, so that long sums stay exact.
GRADUS_MULTIVERSION void AddRows(const float* __restrict rows, int64_t count, int64_t n, float* __restrict sum,
                                 float* __restrict total) {
  for (int64_t i = 0; i < n; ++i) sum[i] = 0;
  int64_t row = 0;
  for (; row + 8 <= count; row += 8) {
    const float* const r = rows + row * n;
    for (int64_t i = 0; i < n; ++i) {
      sum[i] += ((r[i] + r[n + i]) + (r[2 * n + i] + r[3 * n + i])) +
                ((r[4 * n + i] + r[5 * n + i]) + (r[6 * n + i] + r[7 * n + i]));
    }
  }
  for (; row < count; ++row) {
    for (int64_t i = 0; i < n; ++i) sum[i] += rows[row * n + i];
  }
  for (int64_t i = 0; i < n; ++i) total[i] += sum[i];
}

// Where the sums of all parts go: dw[outer[i] + inner[j]] of w[t, r, f] or w[t, f, r], i over the first two.
struct Target {
  std::vector<int64_t> outer, inner;
};

Target PlaceWeights(const ConvRuns& runs, bool runs_last, const Layout& dw) {
  std::vector<int> outer = runs.tap_axes, inner = {0};
  if (runs_last) {
    outer.push_back(0);
    inner = runs.run_axes;
  } else {
    outer.insert(outer.end(), runs.run_axes.begin(), runs.run_axes.end());
  }
  const AxisOffsets offsets = OffsetsIn(dw.desc());
  return {Positions(offsets, outer), Positions(offsets, inner)};
}

void SumParts(const Target& target, const float* partial, int64_t row_floats, int64_t parts, int64_t part_floats,
              float* dw) {
  const auto inner = static_cast<int64_t>(target.inner.size()), outer = static_cast<int64_t>(target.outer.size());
  ParallelFor(outer, std::max<int64_t>(1, 16384 / inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < inner; ++j) {
        const float* const first = partial + i * row_floats + j;
        float sum = first[0];
        for (int64_t part = 1; part < parts; ++part) sum += first[part * part_floats];
        dw[target.outer[i] + target.inner[j]] = sum;
      }
    }
  });
}

// The layout for dw: the one wanted, if it has the axes of w.
Layout WeightsLayout(const ConvRuns& runs, const Layout& wanted) {
  const std::optional<dnnl::memory::desc> desc = DescWithDims(wanted, ToDnnl(runs.weights));
  return desc.has_value() && desc->data.format_kind == dnnl_blocked && desc->data.offset0 == 0 ? Layout(desc->data)
                                                                                               : runs.filters_last;
}

}  // namespace

DirectConvGains DirectConvPays(const ConvRuns& runs, int threads) {
  const int64_t width = VectorWidth(), channels = runs.weights[1];
  const bool few_channels = channels <= 3;
  const bool pads = runs.filters % width != 0 || (!few_channels && channels % width != 0);
  if (runs.images < threads || runs.filters < 8 || (!runs.channels_last && !few_channels) ||
      runs.tap_weights() * static_cast<int64_t>(sizeof(float)) > kSecondLevelCache) {
    return {};
  }
  if (width == 16) return {pads && few_channels, pads};
  return {false, few_channels};
}

std::optional<Candidate> DirectConvForward(const ConvRuns& conv, const Shape& x, const Shape& y, bool has_bias,
                                           int threads) {
  if (conv.filters < kTileGemmLeastN) return std::nullopt;
  const Runs runs = std::make_shared<const ConvRuns>(conv);
  const ImageParts parts(conv, threads);
  std::vector<int64_t> tap_weights;
  for (int64_t tap = 0; tap < conv.taps(); ++tap) tap_weights.push_back(tap * conv.tap_weights());
  std::vector<Layout> inputs = {conv.channels_last ? ChannelsLast(x) : Layout::Plain({DType::kFloat32, x}),
                                conv.filters_last};
  if (has_bias) inputs.push_back(PlainVector(conv.filters));
  const auto run = [runs, parts, tap_weights, has_bias](const Buffers& buffers) {
    parts.ForEach([&](int64_t part) {
      float* const copy = static_cast<float*>(buffers.scratch) + part * CopyFloats(*runs);
      if (runs->padded()) std::memset(copy, 0, runs->padded_size * sizeof(float));
      for (int64_t image = parts.begin(part); image < parts.begin(part + 1); ++image) {
        ForwardImage(*runs, tap_weights, runs->Pad(buffers.in<float>(0) + image * runs->image_size, copy),
                     buffers.in<float>(1), has_bias ? buffers.in<float>(2) : nullptr,
                     buffers.out<float>(0) + image * runs->y_image());
      }
    });
    return absl::OkStatus();
  };
  return FunctionCandidate(kDirectConv, std::move(inputs), {ChannelsLast(y)}, run,
                           parts.count * CopyFloats(conv) * static_cast<int64_t>(sizeof(float)));
}

std::optional<Candidate> DirectConvBackwardWeights(const ConvRuns& conv, const Shape& x, const Shape& y,
                                                   const Layout& y_layout, bool has_bias, const Layout& wanted,
                                                   int threads) {
  const std::optional<int64_t> y_lanes = FindLanes(y_layout, {DType::kFloat32, y});
  if (!y_lanes.has_value() || *y_lanes < std::min<int64_t>(y[1], kBlock)) return std::nullopt;
  const WeightSums sums(conv, ChannelSizes(y, *y_lanes));
  if (std::max(LanesUsed(conv.run), LanesUsed(conv.filters)) == 0) return std::nullopt;
  if (sums.blocked() && (sums.runs_last || *y_lanes != kBlock)) return std::nullopt;
  const Runs runs = std::make_shared<const ConvRuns>(conv);
  const ImageParts parts(conv, threads);
  const Layout layout = WeightsLayout(conv, wanted);
  const auto target = std::make_shared<const Target>(PlaceWeights(conv, sums.runs_last, layout));
  // Each part's memory: its dw, its db, the db of one image, the padded copy.
  const int64_t weights = conv.taps() * sums.tap, lanes = *y_lanes, filters = sums.y.blocks * lanes;
  const int64_t copy_at = WholeLines(weights + 2 * filters), part_floats = copy_at + CopyFloats(conv);
  const auto run = [=](const Buffers& buffers) {
    float* const scratch = static_cast<float*>(buffers.scratch);
    parts.ForEach([&](int64_t part) {
      float* const dw = scratch + part * part_floats;
      float* const db = dw + weights;
      float* const copy = dw + copy_at;
      std::memset(dw, 0, part_floats * sizeof(float));
      for (int64_t image = parts.begin(part); image < parts.begin(part + 1); ++image) {
        const float* const dy = buffers.in<float>(1) + image * sums.y_image();
        BackwardWeightsImage(*runs, sums, runs->Pad(buffers.in<float>(0) + image * runs->image_size, copy), dy, dw);
        for (int64_t f = 0; has_bias && f < filters; f += lanes) {
          AddRows(dy + f * sums.y.positions, sums.y.positions, lanes, db + filters, db + f);
        }
      }
    });
    if (layout.padded()) std::memset(buffers.outputs[0], 0, layout.bytes());
    SumParts(*target, scratch, sums.inner, parts.count, part_floats, buffers.out<float>(0));
    for (int64_t f = 0; has_bias && f < runs->filters; ++f) {
      float sum = 0;
      for (int64_t part = 0; part < parts.count; ++part) sum += scratch[part * part_floats + weights + f];
      buffers.out<float>(1)[f] = sum;
    }
    return absl::OkStatus();
  };
  std::vector<Layout> outputs = {layout};
  if (has_bias) outputs.push_back(PlainVector(conv.filters));
  return FunctionCandidate(kDirectConv,
                           {conv.channels_last ? ChannelsLast(x) : Layout::Plain({DType::kFloat32, x}), y_layout},
                           std::move(outputs), run, parts.count * part_floats * static_cast<int64_t>(sizeof(float)));
}

}  // namespace gradus
