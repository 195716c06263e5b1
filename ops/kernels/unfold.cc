// In plain layout, one channel of one example after the other.
#include "ops/unfold.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"

namespace gradus {
namespace {

// 3 spatial dimensions: the first have one element where there are fewer.
struct Job {
  std::array<int64_t, 3> in = {1, 1, 1}, out = {1, 1, 1}, kernel = {1, 1, 1};
  std::array<int64_t, 3> stride = {1, 1, 1}, dilation = {1, 1, 1}, pad = {0, 0, 0};
  int64_t maps;

  Job(const UnfoldAttrs& attrs, const Dims& outputs) : maps(attrs.input[0] * attrs.input[1]) {
    const Window& window = attrs.window;
    const int rank = window.spatial_rank();
    for (int d = 0; d < rank; ++d) {
      const int at = 3 - rank + d;
      in[at] = attrs.input[2 + d];
      out[at] = outputs[d];
      kernel[at] = window.kernel[d];
      stride[at] = window.stride[d];
      dilation[at] = window.dilation[d];
      pad[at] = window.pad_begin[d];
    }
  }

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }

  // Calls row(offset of a row of `out[2]` columns, offset of the row of x that they come from or -1, place in that row
  // of the first).
  template <typename Row>
  void ForEachRow(const Row& row) const {
    int64_t to = 0;
    for (int64_t tap = 0; tap < taps(); ++tap) {
      const int64_t k0 = tap / (kernel[1] * kernel[2]), k1 = tap / kernel[2] % kernel[1], k2 = tap % kernel[2];
      for (int64_t a = 0; a < out[0]; ++a) {
        for (int64_t b = 0; b < out[1]; ++b, to += out[2]) {
          const int64_t i = a * stride[0] - pad[0] + k0 * dilation[0], j = b * stride[1] - pad[1] + k1 * dilation[1];
          const bool inside = i >= 0 && i < in[0] && j >= 0 && j < in[1];
          row(to, inside ? (i * in[1] + j) * in[2] : -1, k2 * dilation[2] - pad[2]);
        }
      }
    }
  }

  void Unfold(const float* x, float* columns) const {
    ForEachRow([&](int64_t to, int64_t from, int64_t first) {
      for (int64_t o = 0; o < out[2]; ++o) {
        const int64_t i = first + o * stride[2];
        columns[to + o] = from >= 0 && i >= 0 && i < in[2] ? x[from + i] : 0;
      }
    });
  }

  void Fold(const float* columns, float* x) const {
    std::fill(x, x + in_size(), 0.0f);
    ForEachRow([&](int64_t to, int64_t from, int64_t first) {
      if (from < 0) return;
      for (int64_t o = 0; o < out[2]; ++o) {
        const int64_t i = first + o * stride[2];
        if (i >= 0 && i < in[2]) x[from + i] += columns[to + o];
      }
    });
  }
};

absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context, bool unfold) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<UnfoldAttrs>();
  absl::StatusOr<Dims> outputs = WindowOutput(attrs.window, TensorType{DType::kFloat32, attrs.input});
  if (!outputs.ok()) return outputs.status();
  const Job job(attrs, *outputs);
  const auto run = [job, unfold](const Buffers& b) {
    const int64_t image = job.in_size(), columns = job.taps() * job.out_size();
    ParallelFor(job.maps, std::max<int64_t>(1, 16384 / (image + columns)), [&](int64_t begin, int64_t end) {
      for (int64_t map = begin; map < end; ++map) {
        if (unfold) {
          job.Unfold(b.in<float>(0) + map * image, b.out<float>(0) + map * columns);
        } else {
          job.Fold(b.in<float>(0) + map * columns, b.out<float>(0) + map * image);
        }
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:rows", {Layout::Plain(context.input_type(0))},
                                                  {Layout::Plain(context.output_type(0))}, run)};
}

absl::StatusOr<std::vector<Candidate>> UnfoldCandidates(const KernelContext& context) {
  return Candidates(context, /*unfold=*/true);
}

absl::StatusOr<std::vector<Candidate>> FoldCandidates(const KernelContext& context) {
  return Candidates(context, /*unfold=*/false);
}

REGISTER_KERNEL(Unfold, UnfoldCandidates);
REGISTER_KERNEL(Fold, FoldCandidates);

}  // namespace
}  // namespace gradus
