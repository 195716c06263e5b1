// In plain layout, one map after the other. The rows that an output takes from, and their weights, are known
// beforehand.
#include "ops/resample.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"

namespace gradus {
namespace {

// Along one dimension: output o takes `weight` of element `at` and the rest of element `next`.
struct Source {
  int64_t at, next;
  float weight;
};

std::vector<Source> Sources(int64_t in, int64_t out, bool linear) {
  std::vector<Source> sources;
  for (int64_t o = 0; o < out; ++o) {
    // The element that holds the position; exact in whole numbers.
    const int64_t nearest = static_cast<int64_t>((2.0L * o + 1) * in / (2.0L * out));
    if (!linear) {
      const int64_t at = std::min(nearest, in - 1);
      sources.push_back({at, at, 1});
      continue;
    }
    const double position =
        std::max(0.0, (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
    const int64_t at = std::min(static_cast<int64_t>(position), in - 1);
    sources.push_back({at, std::min(at + 1, in - 1), static_cast<float>(1 - (position - static_cast<double>(at)))});
  }
  return sources;
}

// 3 spatial dimensions: the first have one element where there are fewer.
struct Job {
  std::array<std::vector<Source>, 3> sources;
  std::array<int64_t, 3> in = {1, 1, 1}, out = {1, 1, 1};
  bool linear;
  int64_t maps;

  Job(const ResampleAttrs& attrs, const Shape& shape) : linear(attrs.linear), maps(shape[0] * shape[1]) {
    const int rank = static_cast<int>(attrs.input.size());
    for (int d = 0; d < rank; ++d) in[3 - rank + d] = attrs.input[d], out[3 - rank + d] = attrs.output[d];
    for (int d = 0; d < 3; ++d) sources[d] = Sources(in[d], out[d], linear);
  }

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }

  // Calls row(first output, offset of a row of the input, its weight) for each row of outputs and each row of inputs
  // that it takes from.
  template <typename Row>
  void ForEachRow(const Row& row) const {
    for (int64_t a = 0; a < out[0]; ++a) {
      for (int64_t b = 0; b < out[1]; ++b) {
        const int64_t to = (a * out[1] + b) * out[2];
        const Source &p = sources[0][a], &q = sources[1][b];
        for (int side = 0; side < (linear ? 4 : 1); ++side) {
          const int64_t depth = side / 2 == 0 ? p.at : p.next, height = side % 2 == 0 ? q.at : q.next;
          const float weight = (side / 2 == 0 ? p.weight : 1 - p.weight) * (side % 2 == 0 ? q.weight : 1 - q.weight);
          if (weight != 0) row(to, (depth * in[1] + height) * in[2], weight);
        }
      }
    }
  }

  void Forward(const float* x, float* y) const {
    std::fill(y, y + out_size(), 0.0f);
    ForEachRow([&](int64_t to, int64_t from, float weight) {
      for (int64_t o = 0; o < out[2]; ++o) {
        const Source& s = sources[2][o];
        y[to + o] += weight * (s.weight * x[from + s.at] + (1 - s.weight) * x[from + s.next]);
      }
    });
  }

  void Backward(const float* dy, float* dx) const {
    std::fill(dx, dx + in_size(), 0.0f);
    ForEachRow([&](int64_t to, int64_t from, float weight) {
      for (int64_t o = 0; o < out[2]; ++o) {
        const Source& s = sources[2][o];
        const float part = weight * dy[to + o];
        dx[from + s.at] += s.weight * part;
        dx[from + s.next] += (1 - s.weight) * part;
      }
    });
  }

  template <typename Body>
  void ForEachMap(const Body& body) const {
    const int64_t work = std::max<int64_t>(1, in_size() + out_size());
    ParallelFor(maps, std::max<int64_t>(1, 16384 / work), [&](int64_t begin, int64_t end) {
      for (int64_t map = begin; map < end; ++map) body(map);
    });
  }
};

absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context, bool forward) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const Job job(context.attrs<ResampleAttrs>(), context.input_type(0).shape);
  const auto run = [job, forward](const Buffers& b) {
    job.ForEachMap([&](int64_t map) {
      const float* const from = b.in<float>(0) + map * (forward ? job.in_size() : job.out_size());
      float* const to = b.out<float>(0) + map * (forward ? job.out_size() : job.in_size());
      if (forward) {
        job.Forward(from, to);
      } else {
        job.Backward(from, to);
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:rows", {Layout::Plain(context.input_type(0))},
                                                  {Layout::Plain(context.output_type(0))}, run)};
}

absl::StatusOr<std::vector<Candidate>> ResampleCandidates(const KernelContext& context) {
  return Candidates(context, /*forward=*/true);
}

absl::StatusOr<std::vector<Candidate>> ResampleBackwardCandidates(const KernelContext& context) {
  return Candidates(context, /*forward=*/false);
}

REGISTER_KERNEL(Resample, ResampleCandidates);
REGISTER_KERNEL(ResampleBackward, ResampleBackwardCandidates);

}  // namespace
}  // namespace gradus
