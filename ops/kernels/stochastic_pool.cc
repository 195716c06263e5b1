// In plain layout, since draws belong to row-major indices. Sums are double: the place drawn is the same whatever the
// order in which an instruction set adds.
#include "ops/stochastic_pool.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/step_numbers.h"

namespace gradus {
namespace {

// One channel of one example, with 3 spatial dimensions: the first are 1 where there are fewer.
struct Planes {
  std::array<int64_t, 3> in = {1, 1, 1}, out = {1, 1, 1}, kernel = {1, 1, 1}, stride = {1, 1, 1}, pad = {0, 0, 0};
  int64_t count, in_size, out_size;

  Planes(const Window& window, const Shape& x, const Shape& y) : count(x[0] * x[1]) {
    const int rank = window.spatial_rank();
    for (int d = 0; d < rank; ++d) {
      const int at = 3 - rank + d;
      in[at] = x[2 + d];
      out[at] = y[2 + d];
      kernel[at] = window.kernel[d];
      stride[at] = window.stride[d];
      pad[at] = window.pad_begin[d];
    }
    in_size = in[0] * in[1] * in[2];
    out_size = out[0] * out[1] * out[2];
  }

  // Calls visit(place) for the places of window o in row-major order, until it returns false.
  template <typename Visit>
  void ForEachPlace(int64_t o, const Visit& visit) const {
    std::array<int64_t, 3> begin, end;
    for (int d = 2; d >= 0; o /= out[d], --d) {
      const int64_t first = o % out[d] * stride[d] - pad[d];
      begin[d] = std::max<int64_t>(0, first);
      end[d] = std::min(in[d], first + kernel[d]);
    }
    for (int64_t a = begin[0]; a < end[0]; ++a) {
      for (int64_t b = begin[1]; b < end[1]; ++b) {
        for (int64_t c = begin[2]; c < end[2]; ++c) {
          if (!visit((a * in[1] + b) * in[2] + c)) return;
        }
      }
    }
  }

  // The place that number `u` in [0, 1) draws; -1: none is above 0.
  int64_t Draw(const float* x, int64_t o, double u) const {
    double sum = 0;
    ForEachPlace(o, [&](int64_t place) {
      if (x[place] > 0) sum += x[place];
      return true;
    });
    double below = 0;
    int64_t drawn = -1;
    ForEachPlace(o, [&](int64_t place) {
      if (!(x[place] > 0)) return true;
      below += x[place];
      drawn = place;
      return below <= u * sum;
    });
    return drawn;
  }

  // Calls body(channel, o, place drawn) for all windows.
  template <typename Body>
  void Run(uint64_t key, const Buffers& b, const Body& body) const {
    const StepNumbers numbers(key, *b.state);
    const float* const x = b.in<float>(0);
    ParallelFor(count, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, in_size)), [&](int64_t begin, int64_t end) {
      Philox::Block block = {};
      int64_t known = -1;
      for (int64_t channel = begin; channel < end; ++channel) {
        for (int64_t o = 0; o < out_size; ++o) {
          const int64_t i = channel * out_size + o;
          if (i / 4 != known) block = numbers.Block(known = i / 4);
          body(channel, o, Draw(x + channel * in_size, o, UniformFloat(block[i % 4])));
        }
      }
    });
  }
};

absl::StatusOr<std::vector<Candidate>> ForwardCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType &x = context.input_type(0), &y = context.output_type(0);
  const auto& attrs = context.attrs<StochasticPoolAttrs>();
  const Planes planes(attrs.window, x.shape, y.shape);
  const auto run = [planes, key = attrs.key](const Buffers& b) {
    planes.Run(key, b, [&](int64_t channel, int64_t o, int64_t place) {
      b.out<float>(0)[channel * planes.out_size + o] = place < 0 ? 0 : b.in<float>(1)[channel * planes.in_size + place];
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:plain", {Layout::Plain(x), Layout::Plain(x)}, {Layout::Plain(y)}, run)};
}

absl::StatusOr<std::vector<Candidate>> BackwardCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType &x = context.input_type(0), &y = context.input_type(1);
  const auto& attrs = context.attrs<StochasticPoolBackwardAttrs>().forward;
  const Planes planes(attrs.window, x.shape, y.shape);
  const auto run = [planes, key = attrs.key](const Buffers& b) {
    float* const dv = b.out<float>(0);
    std::fill(dv, dv + planes.count * planes.in_size, 0.0f);
    planes.Run(key, b, [&](int64_t channel, int64_t o, int64_t place) {
      if (place >= 0) dv[channel * planes.in_size + place] += b.in<float>(1)[channel * planes.out_size + o];
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:plain", {Layout::Plain(x), Layout::Plain(y)}, {Layout::Plain(x)}, run)};
}

REGISTER_KERNEL(StochasticPool, ForwardCandidates);
REGISTER_KERNEL(StochasticPoolBackward, BackwardCandidates);

}  // namespace
}  // namespace gradus
