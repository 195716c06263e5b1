// Average pooling in any layout of ops/kernels/channel_layout.h. The unit of work is a window (forward) or a channel,
// or block of channels (backward).
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/onednn.h"
#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/pool_geometry.h"
#include "ops/pool.h"

namespace gradus {
namespace {

// The least work worth a thread: elements of x.
constexpr int64_t kGrain = 16384;

// The windows' sizes along one dimension, for the divisor.
struct Counts {
  Counts(const AveragePoolAttrs& attrs, int dim, const PoolAxis& axis)
      : inside_only(!attrs.count_padding), end(axis.in + attrs.window.pad_end[dim] - attrs.ceil_rows[dim]) {}
  Counts() = default;

  int64_t Of(const PoolAxis& axis, int64_t o) const {
    if (inside_only) return axis.EndTap(o) - axis.FirstTap(o);
    return std::min(axis.Start(o) + axis.kernel, end) - axis.Start(o);
  }

  bool inside_only = true;
  int64_t end = 1;  // of what counts, padding included
};

struct Job {
  Job(const AveragePoolAttrs& attrs, const Shape& x, const Shape& y, int64_t lanes)
      : geometry(attrs.window, x, y), lanes(lanes), channels(ChannelSizes(x, lanes).blocks * x[0]) {
    const int rank = attrs.window.spatial_rank();
    width = Counts(attrs, rank - 1, geometry.width);
    if (rank >= 2) height = Counts(attrs, rank - 2, geometry.height);
    if (rank >= 3) depth = Counts(attrs, 0, geometry.depth);
  }

  float Scale(PoolPlace o) const {
    return 1.0f / static_cast<float>(depth.Of(geometry.depth, o.depth) * height.Of(geometry.height, o.height) *
                                     width.Of(geometry.width, o.width));
  }

  PoolGeometry geometry;
  int64_t lanes;
  int64_t channels;  // whole channels (or blocks of them), over the batch
  Counts depth, height, width;
};

// The part of a window inside x: rows of places that follow each other.
struct Box {
  Box(const PoolGeometry& geometry, PoolPlace o) {
    const PoolAxis &d = geometry.depth, &h = geometry.height, &w = geometry.width;
    depths = d.EndTap(o.depth) - d.FirstTap(o.depth);
    heights = h.EndTap(o.height) - h.FirstTap(o.height);
    widths = w.EndTap(o.width) - w.FirstTap(o.width);
    first = ((d.Start(o.depth) + d.FirstTap(o.depth)) * h.in + h.Start(o.height) + h.FirstTap(o.height)) * w.in +
            w.Start(o.width) + w.FirstTap(o.width);
    row = w.in;
    slice = h.in * w.in;
  }

  int64_t depths, heights, widths;
  int64_t first, row, slice;  // places
};

// y[l] = scale * the sum over the box of x[place, l], for the lanes [l, l + kLanes)
template <int kLanes>
GRADUS_INLINE void SumLanes(const Box& box, const float* x, int64_t lanes, float scale, float* y) {
  float sum[kLanes] = {};
  for (int64_t d = 0; d < box.depths; ++d) {
    for (int64_t h = 0; h < box.heights; ++h) {
      const float* const row = x + (box.first + d * box.slice + h * box.row) * lanes;
      for (int64_t w = 0; w < box.widths; ++w) {
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) sum[l] += row[w * lanes + l];
      }
    }
  }
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) y[l] = scale * sum[l];
}

GRADUS_INLINE float SumPlain(const Box& box, const float* x) {
  float sum = 0;
  for (int64_t d = 0; d < box.depths; ++d) {
    for (int64_t h = 0; h < box.heights; ++h) {
      const float* const row = x + box.first + d * box.slice + h * box.row;
#pragma omp simd reduction(+ : sum)
      for (int64_t w = 0; w < box.widths; ++w) sum += row[w];
    }
  }
  return sum;
}

GRADUS_MULTIVERSION void AverageBox(const Box& box, const float* x, int64_t lanes, float scale, float* y) {
  if (lanes == 1) {
    *y = scale * SumPlain(box, x);
    return;
  }
  int64_t l = 0;
  for (; l + 64 <= lanes; l += 64) SumLanes<64>(box, x + l, lanes, scale, y + l);
  for (; l + 16 <= lanes; l += 16) SumLanes<16>(box, x + l, lanes, scale, y + l);
  for (; l + 8 <= lanes; l += 8) SumLanes<8>(box, x + l, lanes, scale, y + l);
  for (; l < lanes; ++l) SumLanes<1>(box, x + l, lanes, scale, y + l);
}

// dx[place, l] += scale * dy[l] over the box
GRADUS_MULTIVERSION void SpreadOverBox(const Box& box, const float* __restrict dy, int64_t lanes, float scale,
                                       float* __restrict dx) {
  for (int64_t d = 0; d < box.depths; ++d) {
    for (int64_t h = 0; h < box.heights; ++h) {
      float* const row = dx + (box.first + d * box.slice + h * box.row) * lanes;
      if (lanes == 1) {
        for (int64_t w = 0; w < box.widths; ++w) row[w] += scale * dy[0];
        continue;
      }
      for (int64_t w = 0; w < box.widths; ++w) {
        for (int64_t l = 0; l < lanes; ++l) row[w * lanes + l] += scale * dy[l];
      }
    }
  }
}

// Calls body(o, i) for the windows [begin, end) of a channel.
template <typename Body>
void ForEachWindow(const PoolGeometry& geometry, int64_t begin, int64_t end, const Body& body) {
  const int64_t row = geometry.width.out, slice = geometry.height.out * row;
  PoolPlace o = {begin / slice, begin % slice / row, begin % row};
  for (int64_t i = begin; i < end; ++i) {
    body(o, i);
    if (++o.width < row) continue;
    o.width = 0;
    if (++o.height < geometry.height.out) continue;
    o.height = 0;
    ++o.depth;
  }
}

void AveragePool(const Job& job, const float* x, float* y) {
  const int64_t lanes = job.lanes, outputs = job.geometry.outputs(), in = job.geometry.inputs() * lanes;
  ParallelFor(job.channels * outputs, std::max<int64_t>(1, kGrain * outputs / in), [&](int64_t begin, int64_t end) {
    for (int64_t next; begin < end; begin = next) {
      const int64_t channel = begin / outputs, first = begin % outputs;
      next = std::min(end, begin - first + outputs);
      ForEachWindow(job.geometry, first, first + next - begin, [&](PoolPlace o, int64_t i) {
        AverageBox(Box(job.geometry, o), x + channel * in, lanes, job.Scale(o), y + (channel * outputs + i) * lanes);
      });
    }
  });
}

void AveragePoolBackward(const Job& job, const float* dy, float* dx) {
  const int64_t lanes = job.lanes, outputs = job.geometry.outputs(), in = job.geometry.inputs() * lanes;
  ParallelFor(job.channels, std::max<int64_t>(1, kGrain / in), [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      std::memset(dx + channel * in, 0, in * sizeof(float));
      ForEachWindow(job.geometry, 0, outputs, [&](PoolPlace o, int64_t i) {
        SpreadOverBox(Box(job.geometry, o), dy + (channel * outputs + i) * lanes, lanes, job.Scale(o),
                      dx + channel * in);
      });
    }
  });
}

using Forward = dnnl::pooling_forward;
using Backward = dnnl::pooling_backward;

// Whether oneDNN can be asked: it counts as we do, in 32 bits.
bool SuitsOneDnn(const KernelContext& context, const AveragePoolAttrs& attrs) {
  const bool no_ceil_rows =
      std::all_of(attrs.ceil_rows.begin(), attrs.ceil_rows.end(), [](int64_t rows) { return rows == 0; });
  return (no_ceil_rows || !attrs.count_padding) && CheckSizes(context).ok();
}

dnnl::algorithm Algorithm(const AveragePoolAttrs& attrs) {
  return attrs.count_padding ? dnnl::algorithm::pooling_avg_include_padding
                             : dnnl::algorithm::pooling_avg_exclude_padding;
}

Forward::primitive_desc ForwardDesc(const AveragePoolAttrs& attrs, const Layout& x, const Layout& y) {
  const Window& window = attrs.window;
  return {{dnnl::prop_kind::forward_training, Algorithm(attrs), ToDesc(x), ToDesc(y), ToDnnl(window.stride),
           ToDnnl(window.kernel), ToDnnl(window.pad_begin), ToDnnl(window.pad_end)},
          UserScratchpad(),
          CpuEngine()};
}

Backward::primitive_desc BackwardDesc(const AveragePoolAttrs& attrs, const Layout& dx, const Layout& dy) {
  const Window& window = attrs.window;
  return {{Algorithm(attrs), ToDesc(dx), ToDesc(dy), ToDnnl(window.stride), ToDnnl(window.kernel),
           ToDnnl(window.pad_begin), ToDnnl(window.pad_end)},
          UserScratchpad(),
          CpuEngine(),
          ForwardDesc(attrs, dx, dy)};
}

// Adds oneDNN's way if it has one that is good; that it has none is no error.
template <typename MakeDesc>
void AddOneDnn(const MakeDesc& make_desc, OneDnnArgument input, OneDnnArgument output,
               std::vector<Candidate>& candidates) {
  TryOneDnn([&] {
    const auto desc = make_desc();
    if (!IsPlainLoops(desc)) candidates.push_back(OneDnnCandidate(desc, {input}, {output}));
  }).IgnoreError();
}

absl::StatusOr<std::vector<Candidate>> AveragePoolCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<AveragePoolAttrs>();
  const TensorType &x = context.input_type(0), &y = context.output_type(0);
  const Job job(attrs, x.shape, y.shape, ChooseLanes(context, {0}));
  const Layout from = ChannelLayout(x, job.lanes), to = ChannelLayout(y, job.lanes);
  std::vector<Candidate> candidates;
  if (SuitsOneDnn(context, attrs)) {
    AddOneDnn([&] { return ForwardDesc(attrs, from, to); }, {DNNL_ARG_SRC, 0}, {DNNL_ARG_DST, 0}, candidates);
  }
  candidates.push_back(FunctionCandidate("gradus:windows", {from}, {to}, [job](const Buffers& buffers) {
    AveragePool(job, buffers.in<float>(0), buffers.out<float>(0));
    return absl::OkStatus();
  }));
  return candidates;
}

// dx in the layout of the forward pass's x; dy alone may not say (a map of one place is plain and channels last).
int64_t BackwardLanes(const KernelContext& context) {
  if (context.forward == nullptr || context.forward->inputs.size() != 1) return ChooseLanes(context, {0});
  const Node& forward = context.graph.node(context.node.forward);
  return ChooseLanes({{context.inputs[0], context.input_type(0)},
                      {context.forward->inputs[0], context.graph.type(forward.inputs[0])}});
}

absl::StatusOr<std::vector<Candidate>> AveragePoolBackwardCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const AveragePoolAttrs& attrs = context.attrs<AveragePoolBackwardAttrs>().forward;
  const TensorType &dy = context.input_type(0), &dx = context.output_type(0);
  const Job job(attrs, dx.shape, dy.shape, BackwardLanes(context));
  const Layout from = ChannelLayout(dy, job.lanes), to = ChannelLayout(dx, job.lanes);
  std::vector<Candidate> candidates;
  if (SuitsOneDnn(context, attrs)) {
    AddOneDnn([&] { return BackwardDesc(attrs, to, from); }, {DNNL_ARG_DIFF_DST, 0}, {DNNL_ARG_DIFF_SRC, 0},
              candidates);
  }
  candidates.push_back(FunctionCandidate("gradus:windows", {from}, {to}, [job](const Buffers& buffers) {
    AveragePoolBackward(job, buffers.in<float>(0), buffers.out<float>(0));
    return absl::OkStatus();
  }));
  return candidates;
}

REGISTER_KERNEL(AveragePool, AveragePoolCandidates);
REGISTER_KERNEL(AveragePoolBackward, AveragePoolBackwardCandidates);

}  // namespace
}  // namespace gradus
