// In the parameter's own layout, whose padding is 0 and stays so; norms of rows need the plain one.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/step_ops.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kGrain = 1 << 14;  // elements worth a thread

// Towards 0 by `step`, and 0 below `least`.
GRADUS_MULTIVERSION void Shrink(const float* w, int64_t n, float step, float least, float* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float shrunk = w[i] - std::min(std::max(w[i], -step), step);
    out[i] = std::fabs(shrunk) < least ? 0.0f : shrunk;
  }
}

GRADUS_MULTIVERSION double SumOfSquares(const float* __restrict x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

// All but `keep` elements of the largest magnitude become 0; `magnitudes` is room for n numbers.
void KeepLargest(float* w, int64_t n, int64_t keep, float* magnitudes) {
  if (keep >= n) return;
  for (int64_t i = 0; i < n; ++i) magnitudes[i] = std::fabs(w[i]);
  std::nth_element(magnitudes, magnitudes + keep - 1, magnitudes + n, [](float a, float b) { return a > b; });
  const float least = magnitudes[keep - 1];
  int64_t ties = keep;  // of `least` that stay
  for (int64_t i = 0; i < n; ++i) ties -= std::fabs(w[i]) > least;
  for (int64_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(w[i]);
    if (magnitude > least || (magnitude == least && ties-- > 0)) continue;
    w[i] = 0;
  }
}

void LimitNorms(float* w, int64_t rows, int64_t each, double max_norm) {
  ParallelFor(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, each)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const double norm = std::sqrt(SumOfSquares(w + row * each, each));
      if (norm <= max_norm) continue;
      const auto factor = static_cast<float>(max_norm / norm);
      for (int64_t i = row * each; i < (row + 1) * each; ++i) w[i] *= factor;
    }
  });
}

absl::StatusOr<std::vector<Candidate>> ConstrainCandidates(const KernelContext& context) {
  const ConstrainAttrs attrs = context.attrs<ConstrainAttrs>();
  const TensorType& type = context.input_type(0);
  const Layout layout = attrs.max_norm > 0 ? Layout::Plain(type) : context.inputs[0];
  const int64_t n = layout.stored_elements();
  const int64_t rows = type.shape.rank() < 2 ? 1 : type.shape[0];
  const int64_t each = type.shape.num_elements() / std::max<int64_t>(1, rows);
  const auto run = [=](const Buffers& b) {
    const auto step = static_cast<float>(attrs.proximal_l1 * *b.in<float>(1));
    const auto least = static_cast<float>(attrs.prune_below);
    float* const w = b.out<float>(0);
    const bool counts = attrs.keep_largest > 0;
    const auto shrink = [&](const float* from, float by, float below) {
      ParallelFor(n, kGrain, [&](int64_t i, int64_t end) { Shrink(from + i, end - i, by, below, w + i); });
    };
    shrink(b.in<float>(0), step, counts ? 0 : least);
    if (counts) {
      KeepLargest(w, n, attrs.keep_largest, static_cast<float*>(b.scratch));
      if (least > 0) shrink(w, 0, least);
    }
    if (attrs.max_norm > 0) LimitNorms(w, rows, each, attrs.max_norm);
    return absl::OkStatus();
  };
  const int64_t scratch = attrs.keep_largest > 0 ? n * static_cast<int64_t>(sizeof(float)) : 0;
  return std::vector<Candidate>{
      FunctionCandidate("gradus:loop", {layout, Layout::Plain(TensorType{})}, {layout}, run, scratch)};
}

REGISTER_KERNEL(Constrain, ConstrainCandidates);

}  // namespace
}  // namespace gradus
