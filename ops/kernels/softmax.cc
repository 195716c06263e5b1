// Lines along the axis, in plain layout. With inner elements (an axis that is not the last) lines run side by side, so
// that the innermost loop is always over neighbours in memory.
#include "ops/softmax.h"

#include <cmath>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "ops/kernels/fast_exp.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kStrip = 64;  // lines side by side

struct Lines {
  int64_t outer, n, inner;
};

enum class Kind { kSoftmax, kLogSoftmax, kSoftmaxBackward, kLogSoftmaxBackward };

// One line of contiguous elements.
GRADUS_MULTIVERSION void SoftmaxLine(const float* x, float* y, int64_t n, bool log) {
  float largest = x[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t k = 0; k < n; ++k) largest = x[k] > largest ? x[k] : largest;
  if (log) {
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < n; ++k) sum += FastExp(x[k] - largest);
    const float shift = largest + std::log(sum);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = x[k] - shift;
  } else {
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < n; ++k) {
      const float e = FastExp(x[k] - largest);
      y[k] = e;
      sum += e;
    }
    const float scale = 1 / sum;
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] *= scale;
  }
}

GRADUS_MULTIVERSION void BackwardLine(const float* y, const float* dy, float* dx, int64_t n, bool log) {
  float sum = 0;
  if (log) {
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < n; ++k) sum += dy[k];
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) dx[k] = dy[k] - FastExp(y[k]) * sum;
  } else {
#pragma omp simd reduction(+ : sum)
    for (int64_t k = 0; k < n; ++k) sum += dy[k] * y[k];
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) dx[k] = y[k] * (dy[k] - sum);
  }
}

// `count` (at most kStrip) lines side by side; elements of a line are `inner` apart.
GRADUS_MULTIVERSION void SoftmaxStrip(const float* x, float* y, int64_t n, int64_t inner, int64_t count, bool log) {
  float largest[kStrip], sum[kStrip];
  for (int64_t i = 0; i < count; ++i) largest[i] = x[i], sum[i] = 0;
  for (int64_t k = 1; k < n; ++k) {
    for (int64_t i = 0; i < count; ++i) largest[i] = x[k * inner + i] > largest[i] ? x[k * inner + i] : largest[i];
  }
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < count; ++i) sum[i] += FastExp(x[k * inner + i] - largest[i]);
  }
  for (int64_t i = 0; i < count; ++i) sum[i] = log ? largest[i] + std::log(sum[i]) : 1 / sum[i];
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < count; ++i) {
      const float v = x[k * inner + i];
      y[k * inner + i] = log ? v - sum[i] : FastExp(v - largest[i]) * sum[i];
    }
  }
}

GRADUS_MULTIVERSION void BackwardStrip(const float* y, const float* dy, float* dx, int64_t n, int64_t inner,
                                       int64_t count, bool log) {
  float sum[kStrip];
  for (int64_t i = 0; i < count; ++i) sum[i] = 0;
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < count; ++i) sum[i] += dy[k * inner + i] * (log ? 1.0f : y[k * inner + i]);
  }
  for (int64_t k = 0; k < n; ++k) {
    for (int64_t i = 0; i < count; ++i) {
      const float v = y[k * inner + i], d = dy[k * inner + i];
      dx[k * inner + i] = log ? d - FastExp(v) * sum[i] : v * (d - sum[i]);
    }
  }
}

void Run(Kind kind, const Lines& lines, const Buffers& b) {
  const bool log = kind == Kind::kLogSoftmax || kind == Kind::kLogSoftmaxBackward;
  const bool backward = kind == Kind::kSoftmaxBackward || kind == Kind::kLogSoftmaxBackward;
  const int64_t strips = (lines.inner + kStrip - 1) / kStrip;
  const int64_t work = lines.n * std::min(lines.inner, kStrip);
  ParallelFor(lines.outer * strips, std::max<int64_t>(1, 8192 / work), [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t first = s % strips * kStrip;
      const int64_t at = s / strips * lines.n * lines.inner + first;
      const int64_t count = std::min(kStrip, lines.inner - first);
      float* out = b.out<float>(0) + at;
      if (lines.inner == 1) {
        if (backward) BackwardLine(b.in<float>(0) + at, b.in<float>(1) + at, out, lines.n, log);
        if (!backward) SoftmaxLine(b.in<float>(0) + at, out, lines.n, log);
      } else {
        if (backward) BackwardStrip(b.in<float>(0) + at, b.in<float>(1) + at, out, lines.n, lines.inner, count, log);
        if (!backward) SoftmaxStrip(b.in<float>(0) + at, out, lines.n, lines.inner, count, log);
      }
    }
  });
}

template <Kind kKind>
absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context) {
  const TensorType& type = context.output_type(0);
  const int axis = context.attrs<SoftmaxAttrs>().axis;
  const Lines lines = {type.shape.ElementsBetween(0, axis), type.shape[axis],
                       type.shape.ElementsBetween(axis + 1, type.shape.rank())};
  const bool empty = type.shape.num_elements() == 0;
  const Layout plain = Layout::Plain(type);
  return std::vector<Candidate>{FunctionCandidate("gradus:lines",
                                                  std::vector<Layout>(context.node.inputs.size(), plain), {plain},
                                                  [lines, empty](const Buffers& b) {
                                                    if (!empty) Run(kKind, lines, b);
                                                    return absl::OkStatus();
                                                  })};
}

}  // namespace

REGISTER_KERNEL(Softmax, Candidates<Kind::kSoftmax>);
REGISTER_KERNEL(LogSoftmax, Candidates<Kind::kLogSoftmax>);
REGISTER_KERNEL(SoftmaxBackward, Candidates<Kind::kSoftmaxBackward>);
REGISTER_KERNEL(LogSoftmaxBackward, Candidates<Kind::kLogSoftmaxBackward>);

}  // namespace gradus
