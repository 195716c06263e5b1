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
#include "ops/kernels/multiversion.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

using Runs = std::shared_ptr<const ConvRuns>;

constexpr int64_t kFirstLevelCache = 16 << 10;  // bytes of it that weights may take
constexpr int64_t kSecondLevelCache = 256 << 10;

int64_t Aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

// The batch is split into parts, each with scratch memory of its own.
struct Parts {
  int64_t count;
  int64_t images;
  Parts(const ConvRuns& runs, int threads) : count(std::clamp<int64_t>(threads, 1, runs.images)), images(runs.images) {}
  int64_t begin(int64_t part) const { return images * part / count; }

  template <typename Body>  // body(part)
  void ForEach(const Body& body) const {
    ParallelFor(count, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) body(part);
    });
  }
};

int64_t CopyFloats(const ConvRuns& runs) { return runs.padded() ? Aligned(runs.padded_size) : 0; }

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

// ---- backward data

void BackwardDataImage(const ConvRuns& runs, const float* dy, const float* w, float* dx) {
  TileGemm gemm;
  gemm.m = runs.columns, gemm.n = runs.run, gemm.k = runs.filters;
  gemm.a_m = runs.filters, gemm.a_k = 1, gemm.b_k = runs.run, gemm.c_m = runs.step;
  std::memset(dx, 0, runs.padded_size * sizeof(float));
  for (int64_t tap = 0; tap < runs.taps(); ++tap) {
    for (int64_t row = 0; row < runs.rows(); ++row) {
      AddProduct(gemm, dy + runs.row_offset_in_y[row], w + tap * runs.tap_weights(),
                 dx + runs.row_offset[row] + runs.tap_offset[tap]);
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

// Adds the products of one image to dw[t, r, f], or to dw[t, f, r] with `runs_last`. All taps have their turn while
// some rows of dy are in the first level of cache.
void BackwardWeightsImage(const ConvRuns& runs, bool runs_last, const float* x, const float* dy, float* dw) {
  TileGemm gemm;
  gemm.a_m = 1;
  gemm.k = runs.columns;
  if (runs_last) {
    gemm.m = runs.filters, gemm.n = runs.run;
    gemm.a_k = runs.filters, gemm.b_k = runs.step, gemm.c_m = runs.run;
  } else {
    gemm.m = runs.run, gemm.n = runs.filters;
    gemm.a_k = runs.step, gemm.b_k = runs.filters, gemm.c_m = runs.filters;
  }
  const int64_t row_bytes = runs.columns * runs.filters * static_cast<int64_t>(sizeof(float));
  const int64_t rows_at_once = std::max<int64_t>(1, kFirstLevelCache / row_bytes);
  const int64_t blocks = (runs.rows() + rows_at_once - 1) / rows_at_once;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = runs.rows() * block / blocks, end = runs.rows() * (block + 1) / blocks;
    gemm.batches = end - begin;
    gemm.a_batch = (runs_last ? runs.row_offset_in_y : runs.row_offset).data() + begin;
    gemm.b_batch = (runs_last ? runs.row_offset : runs.row_offset_in_y).data() + begin;
    for (int64_t tap = 0; tap < runs.taps(); ++tap) {
      const float* const under_tap = x + runs.tap_offset[tap];
      AddProduct(gemm, runs_last ? dy : under_tap, runs_last ? under_tap : dy, dw + tap * runs.tap_weights());
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

void SumParts(const Target& target, const float* partial, int64_t parts, int64_t part_floats, float* dw) {
  const auto inner = static_cast<int64_t>(target.inner.size()), outer = static_cast<int64_t>(target.outer.size());
  ParallelFor(outer, std::max<int64_t>(1, 16384 / inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j < inner; ++j) {
        const float* const first = partial + i * inner + j;
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
  if (!pads || runs.images < threads || runs.filters < 8 || (!runs.channels_last && !few_channels) ||
      runs.tap_weights() * static_cast<int64_t>(sizeof(float)) > kSecondLevelCache) {
    return {};
  }
  return {few_channels && width == 16, true, few_channels || width == 16};
}

std::optional<Candidate> DirectConvForward(const ConvRuns& conv, const Shape& x, const Shape& y, bool has_bias,
                                           int threads) {
  if (conv.filters < kTileGemmLeastN) return std::nullopt;
  const Runs runs = std::make_shared<const ConvRuns>(conv);
  const Parts parts(conv, threads);
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

std::optional<Candidate> DirectConvBackwardData(const ConvRuns& conv, const Shape& x, const Shape& y, int threads) {
  if (!conv.channels_last || conv.run < kTileGemmLeastN) return std::nullopt;
  const Runs runs = std::make_shared<const ConvRuns>(conv);
  const Parts parts(conv, threads);
  const auto run = [runs, parts](const Buffers& buffers) {
    parts.ForEach([&](int64_t part) {
      float* const padded = static_cast<float*>(buffers.scratch) + part * CopyFloats(*runs);
      for (int64_t image = parts.begin(part); image < parts.begin(part + 1); ++image) {
        float* const dx = buffers.out<float>(0) + image * runs->image_size;
        BackwardDataImage(*runs, buffers.in<float>(0) + image * runs->y_image(), buffers.in<float>(1),
                          runs->padded() ? padded : dx);
        if (runs->padded()) runs->Crop(padded, dx);
      }
    });
    return absl::OkStatus();
  };
  return FunctionCandidate(kDirectConv, {ChannelsLast(y), conv.runs_last}, {ChannelsLast(x)}, run,
                           parts.count * CopyFloats(conv) * static_cast<int64_t>(sizeof(float)));
}

std::optional<Candidate> DirectConvBackwardWeights(const ConvRuns& conv, const Shape& x, const Shape& y, bool has_bias,
                                                   const Layout& wanted, int threads) {
  const bool runs_last = LanesUsed(conv.run) > LanesUsed(conv.filters);
  if (std::max(LanesUsed(conv.run), LanesUsed(conv.filters)) == 0) return std::nullopt;
  const Runs runs = std::make_shared<const ConvRuns>(conv);
  const Parts parts(conv, threads);
  const Layout layout = WeightsLayout(conv, wanted);
  const auto target = std::make_shared<const Target>(PlaceWeights(conv, runs_last, layout));
  // Each part's memory: its dw, its db, the db of one image, the padded copy.
  const int64_t weights = conv.taps() * conv.tap_weights(), filters = conv.filters;
  const int64_t sums = Aligned(weights + 2 * filters), part_floats = sums + CopyFloats(conv);
  const auto run = [=](const Buffers& buffers) {
    float* const scratch = static_cast<float*>(buffers.scratch);
    parts.ForEach([&](int64_t part) {
      float* const dw = scratch + part * part_floats;
      float* const db = dw + weights;
      float* const copy = dw + sums;
      std::memset(dw, 0, part_floats * sizeof(float));
      for (int64_t image = parts.begin(part); image < parts.begin(part + 1); ++image) {
        const float* const dy = buffers.in<float>(1) + image * runs->y_image();
        BackwardWeightsImage(*runs, runs_last, runs->Pad(buffers.in<float>(0) + image * runs->image_size, copy), dy,
                             dw);
        if (has_bias) AddRows(dy, runs->rows() * runs->columns, filters, db + filters, db);
      }
    });
    if (layout.padded()) std::memset(buffers.outputs[0], 0, layout.bytes());
    SumParts(*target, scratch, parts.count, part_floats, buffers.out<float>(0));
    for (int64_t f = 0; has_bias && f < filters; ++f) {
      float sum = 0;
      for (int64_t part = 0; part < parts.count; ++part) sum += scratch[part * part_floats + weights + f];
      buffers.out<float>(1)[f] = sum;
    }
    return absl::OkStatus();
  };
  std::vector<Layout> outputs = {layout};
  if (has_bias) outputs.push_back(PlainVector(filters));
  return FunctionCandidate(
      kDirectConv, {conv.channels_last ? ChannelsLast(x) : Layout::Plain({DType::kFloat32, x}), ChannelsLast(y)},
      std::move(outputs), run, parts.count * part_floats * static_cast<int64_t>(sizeof(float)));
}

}  // namespace gradus
