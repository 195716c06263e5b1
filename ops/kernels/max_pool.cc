// Max pooling in any layout of ops/kernels/channel_layout.h. The unit of work is a row of outputs (forward) or of
// inputs (backward, which gathers: each element of dx is written once). Windows with the same taps are taken together,
// so a map is at most nine rectangles: inside, borders and corners.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/max_pool_loops.h"
#include "ops/kernels/pool_geometry.h"
#include "ops/pool.h"

namespace gradus {
namespace {

// The least work worth a thread: elements of x.
constexpr int64_t kGrain = 16384;

// argmax holds a tap's number in a byte or, for windows of more taps than fit there, the place in x.
bool HasByteArgmax(const PoolGeometry& geometry) { return geometry.taps() <= 255; }

int64_t ArgmaxBytes(const PoolGeometry& geometry, const Layout& y) {
  return y.stored_elements() * (HasByteArgmax(geometry) ? 1 : 4);
}

// Windows with the same taps, of one channel: the first is o.
struct Rectangle {
  PoolPlace o;
  int64_t x, y;  // offsets of the first window
  PoolRun run;
  PoolTaps taps;  // none when they are too many for the loops over taps
};

// What all kernels here share: one pooling in one layout.
struct Job {
  Job(const Window& window, const Shape& x, const Shape& y, int64_t lanes)
      : geometry(window, x, y), lanes(lanes), channels(ChannelSizes(x, lanes).blocks * x[0]) {
    for (int64_t depth = 0; depth < geometry.depth.out; ++depth) {
      ForEachRectangle(depth, 0, geometry.height.out, [&](const Rectangle& part) { whole.push_back(part); });
    }
  }

  Rectangle MakeRectangle(PoolPlace o, int64_t rows, int64_t columns) const {
    const PoolAxis &depth = geometry.depth, &height = geometry.height, &width = geometry.width;
    Rectangle part;
    part.o = o;
    part.x = ((depth.Start(o.depth) * height.in + height.Start(o.height)) * width.in + width.Start(o.width)) * lanes;
    part.y = ((o.depth * height.out + o.height) * width.out + o.width) * lanes;
    part.run = {rows, columns, height.stride * width.in * lanes, width.stride * lanes, width.out * lanes, lanes};
    if (geometry.taps() > PoolTaps::kMost) return part;
    if (lanes == 1 && width.stride == 1) part.run.count = 1, part.run.lanes = columns;
    for (int64_t d = depth.FirstTap(o.depth); d < depth.EndTap(o.depth); ++d) {
      for (int64_t h = height.FirstTap(o.height); h < height.EndTap(o.height); ++h) {
        for (int64_t w = width.FirstTap(o.width); w < width.EndTap(o.width); ++w) {
          part.taps.offset[part.taps.count] = ((d * height.in + h) * width.in + w) * lanes;
          part.taps.number[part.taps.count++] = static_cast<uint8_t>((d * height.kernel + h) * width.kernel + w);
        }
      }
    }
    return part;
  }

  // Calls body(rectangle) for the rows [begin, end) of slice `depth`.
  template <typename Body>
  void ForEachRectangle(int64_t depth, int64_t begin, int64_t end, const Body& body) const {
    geometry.height.ForEachRun(begin, end, [&](int64_t oh, int64_t rows) {
      geometry.width.ForEachRun(0, geometry.width.out, [&](int64_t ow, int64_t columns) {
        body(MakeRectangle({depth, oh, ow}, rows, columns));
      });
    });
  }

  PoolGeometry geometry;
  int64_t lanes;
  int64_t channels;              // whole channels (or blocks of them), over the batch
  std::vector<Rectangle> whole;  // channel
};

template <typename Index>
void PoolRectangle(const Job& job, const Rectangle& part, const float* x, float* y, Index* argmax) {
  if constexpr (std::is_same_v<Index, uint8_t>) {
    if (part.taps.count > 0) {
      MaxOfTaps(part.taps, part.run, x + part.x, y + part.y, argmax == nullptr ? nullptr : argmax + part.y);
      return;
    }
  }
  for (int64_t row = 0; row < part.run.rows; ++row) {
    for (int64_t column = 0; column < part.run.count; ++column) {
      const int64_t at = part.y + row * part.run.y_row_step + column * job.lanes;
      MaxOfWindow(job.geometry, {part.o.depth, part.o.height + row, part.o.width + column}, x, job.lanes, y + at,
                  argmax == nullptr ? nullptr : argmax + at);
    }
  }
}

template <typename Index>
void Pool(const Job& job, const float* x, float* y, Index* argmax) {
  const int64_t height = job.geometry.height.out, rows = job.geometry.depth.out * height;
  const int64_t in = job.geometry.inputs() * job.lanes, out = job.geometry.outputs() * job.lanes;
  ParallelFor(job.channels * rows, std::max<int64_t>(1, kGrain * rows / in), [&](int64_t begin, int64_t end) {
    for (int64_t next; begin < end; begin = next) {
      const int64_t channel = begin / rows, first = begin % rows;
      const auto pool = [&](const Rectangle& part) {
        PoolRectangle(job, part, x + channel * in, y + channel * out,
                      argmax == nullptr ? nullptr : argmax + channel * out);
      };
      if (first == 0 && begin + rows <= end) {
        next = begin + rows;
        for (const Rectangle& part : job.whole) pool(part);
      } else {
        const int64_t row = first % height;
        next = std::min(end, begin - row + height);
        job.ForEachRectangle(first / height, row, row + next - begin, pool);
      }
    }
  });
}

// The place in its channel of x that each element of y came from.
class Places {
 public:
  explicit Places(const PoolGeometry& geometry) : geometry_(geometry) {
    const PoolAxis &height = geometry.height, &width = geometry.width;
    if (!HasByteArgmax(geometry)) return;
    for (int64_t tap = 0; tap < geometry.taps(); ++tap) {
      const int64_t h = tap / width.kernel % height.kernel, d = tap / width.kernel / height.kernel;
      offset_.push_back((d * height.in + h) * width.in + tap % width.kernel);
    }
  }

  // Calls body(i, place) for the elements i of one channel's y: [positions, lanes].
  template <typename Index, typename Body>
  void ForEach(const Index* argmax, int64_t lanes, const Body& body) const {
    const PoolAxis &depth = geometry_.depth, &height = geometry_.height, &width = geometry_.width;
    int64_t i = 0;
    for (int64_t d = 0; d < depth.out; ++d) {
      for (int64_t h = 0; h < height.out; ++h) {
        for (int64_t w = 0; w < width.out; ++w) {
          const int64_t start = (depth.Start(d) * height.in + height.Start(h)) * width.in + width.Start(w);
          for (int64_t l = 0; l < lanes; ++l, ++i) body(i, PlaceOf(start, argmax[i]) * lanes + l);
        }
      }
    }
  }

 private:
  int64_t PlaceOf(int64_t start, uint8_t tap) const { return start + offset_[tap]; }
  static int64_t PlaceOf(int64_t, int32_t place) { return place; }

  PoolGeometry geometry_;
  std::vector<int64_t> offset_;  // by tap, from the beginning of its window
};

// Whether windows share no element, and whether together they cover them all.
bool Disjoint(const PoolAxis& axis) { return axis.stride >= axis.kernel; }
bool Tiles(const PoolAxis& axis) { return axis.stride == axis.kernel && axis.in + axis.pad <= axis.out * axis.kernel; }

// dx of one channel, with a loop over the taps of each window.
void SpreadChannel(const Job& job, const float* dy, const uint8_t* argmax, float* dx) {
  const PoolGeometry& geometry = job.geometry;
  const bool disjoint = Disjoint(geometry.depth) && Disjoint(geometry.height) && Disjoint(geometry.width);
  const bool tiles = Tiles(geometry.depth) && Tiles(geometry.height) && Tiles(geometry.width);
  if (!tiles) std::memset(dx, 0, geometry.inputs() * job.lanes * sizeof(float));
  for (const Rectangle& part : job.whole) {
    SpreadToTaps(part.taps, part.run, !disjoint, dy + part.y, argmax + part.y, dx + part.x);
  }
}

// The same element by element: for single lanes, and for windows with so many taps that most would be in vain.
template <typename Index>
void ScatterChannel(const Job& job, const Places& places, const float* dy, const Index* argmax, float* dx) {
  std::memset(dx, 0, job.geometry.inputs() * job.lanes * sizeof(float));
  places.ForEach(argmax, job.lanes, [&](int64_t i, int64_t place) { dx[place] += dy[i]; });
}

template <typename Index>
void Unpool(const Job& job, const Places& places, const float* dy, const Index* argmax, float* dx) {
  const int64_t in = job.geometry.inputs() * job.lanes, out = job.geometry.outputs() * job.lanes;
  ParallelFor(job.channels, std::max<int64_t>(1, kGrain / in), [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      const float* const from = dy + channel * out;
      const Index* const where = argmax + channel * out;
      if constexpr (std::is_same_v<Index, uint8_t>) {
        if (job.lanes >= 8 && job.geometry.taps() <= PoolTaps::kMost) {
          SpreadChannel(job, from, where, dx + channel * in);
          continue;
        }
      }
      ScatterChannel(job, places, from, where, dx + channel * in);
    }
  });
}

template <typename Index>
void Gather(const Job& job, const Places& places, const float* x, const Index* argmax, float* y) {
  const int64_t in = job.geometry.inputs() * job.lanes, out = job.geometry.outputs() * job.lanes;
  ParallelFor(job.channels, std::max<int64_t>(1, kGrain / in), [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      places.ForEach(argmax + channel * out, job.lanes,
                     [&](int64_t i, int64_t place) { y[channel * out + i] = x[channel * in + place]; });
    }
  });
}

absl::Status CheckSize(const PoolGeometry& geometry) {
  if (geometry.inputs() < int64_t{1} << 31) return absl::OkStatus();
  return absl::UnimplementedError("max pooling of channels of 2^31 elements or more");
}

// Runs body(argmax) with the argmax of the type that it has.
template <typename Body>
void WithArgmax(const PoolGeometry& geometry, const void* argmax, const Body& body) {
  if (HasByteArgmax(geometry)) {
    body(static_cast<const uint8_t*>(argmax));
  } else {
    body(static_cast<const int32_t*>(argmax));
  }
}

absl::StatusOr<std::vector<Candidate>> MaxPoolCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType &x = context.input_type(0), &y = context.output_type(0);
  const Job job(context.attrs<MaxPoolAttrs>().window, x.shape, y.shape, ChooseLanes(context, {0}));
  GRADUS_RETURN_IF_ERROR(CheckSize(job.geometry));
  const Layout to = ChannelLayout(y, job.lanes);
  const bool inference = context.inference && !context.attrs<MaxPoolAttrs>().keep_switches;
  const Layout argmax = Layout::Bytes(inference ? 0 : ArgmaxBytes(job.geometry, to));
  return std::vector<Candidate>{FunctionCandidate("gradus:windows", {ChannelLayout(x, job.lanes)}, {to, argmax},
                                                  [job, inference](const Buffers& buffers) {
                                                    const auto* const x = buffers.in<float>(0);
                                                    auto* const y = buffers.out<float>(0);
                                                    if (inference) {
                                                      Pool(job, x, y, static_cast<uint8_t*>(nullptr));
                                                    } else if (HasByteArgmax(job.geometry)) {
                                                      Pool(job, x, y, buffers.out<uint8_t>(1));
                                                    } else {
                                                      Pool(job, x, y, buffers.out<int32_t>(1));
                                                    }
                                                    return absl::OkStatus();
                                                  })};
}

// The lanes that argmax was made with: those of the tensors around it.
absl::StatusOr<int64_t> LanesOfArgmax(const KernelContext& context) {
  if (context.forward == nullptr) return absl::InternalError("the max pooling that chose argmax is not known");
  const Node& forward = context.graph.node(context.node.forward);
  return ChooseLanes({{context.forward->inputs[0], context.graph.type(forward.inputs[0])},
                      {context.forward->outputs[0], forward.outputs[0]}});
}

absl::StatusOr<std::vector<Candidate>> MaxPoolBackwardCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType &dy = context.input_type(0), &dx = context.output_type(0);
  GRADUS_ASSIGN_OR_RETURN(const int64_t lanes, LanesOfArgmax(context));
  const Job job(context.attrs<MaxPoolBackwardAttrs>().window, dx.shape, dy.shape, lanes);
  const Layout from = ChannelLayout(dy, lanes);
  return std::vector<Candidate>{
      FunctionCandidate("gradus:scatter", {from, Layout::Bytes(ArgmaxBytes(job.geometry, from))},
                        {ChannelLayout(dx, lanes)}, [job, places = Places(job.geometry)](const Buffers& buffers) {
                          WithArgmax(job.geometry, buffers.inputs[1], [&](const auto* argmax) {
                            Unpool(job, places, buffers.in<float>(0), argmax, buffers.out<float>(0));
                          });
                          return absl::OkStatus();
                        })};
}

absl::StatusOr<std::vector<Candidate>> MaxPoolGatherCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType &x = context.input_type(0), &y = context.output_type(0);
  GRADUS_ASSIGN_OR_RETURN(const int64_t lanes, LanesOfArgmax(context));
  const Job job(context.attrs<MaxPoolAttrs>().window, x.shape, y.shape, lanes);
  const Layout to = ChannelLayout(y, lanes);
  return std::vector<Candidate>{
      FunctionCandidate("gradus:gather", {ChannelLayout(x, lanes), Layout::Bytes(ArgmaxBytes(job.geometry, to))}, {to},
                        [job, places = Places(job.geometry)](const Buffers& buffers) {
                          WithArgmax(job.geometry, buffers.inputs[1], [&](const auto* argmax) {
                            Gather(job, places, buffers.in<float>(0), argmax, buffers.out<float>(0));
                          });
                          return absl::OkStatus();
                        })};
}

REGISTER_KERNEL(MaxPool, MaxPoolCandidates);
REGISTER_KERNEL(MaxPoolBackward, MaxPoolBackwardCandidates);
REGISTER_KERNEL(MaxPoolGather, MaxPoolGatherCandidates);

}  // namespace
}  // namespace gradus
