#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

GRADUS_MULTIVERSION double SquaredDistance(const float* __restrict a, const float* __restrict b, int64_t d) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < d; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return sum;
}

void FindHardest(const float* x, const int32_t* labels, int64_t n, int64_t d, int64_t anchor, float* farthest,
                 float* nearest) {
  int64_t far = -1, near = -1;
  double far_distance = -1, near_distance = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (i == anchor) continue;
    const double distance = SquaredDistance(x + anchor * d, x + i * d, d);
    if (labels[i] == labels[anchor]) {
      if (far < 0 || distance > far_distance) far = i, far_distance = distance;
    } else if (near < 0 || distance < near_distance) {
      near = i, near_distance = distance;
    }
  }
  std::fill(farthest, farthest + n, 0.0f);
  std::fill(nearest, nearest + n, 0.0f);
  if (far >= 0) farthest[far] = 1;
  if (near >= 0) nearest[near] = 1;
}

absl::StatusOr<std::vector<Candidate>> HardestInBatchCandidates(const KernelContext& context) {
  const TensorType &x = context.input_type(0), &labels = context.input_type(1);
  const int64_t n = x.shape[0], d = x.shape[1];
  const Layout square = Layout::Plain(context.output_type(0));
  const auto run = [n, d](const Buffers& b) {
    ParallelFor(n, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, n * d)), [&](int64_t begin, int64_t end) {
      for (int64_t anchor = begin; anchor < end; ++anchor) {
        FindHardest(b.in<float>(0), b.in<int32_t>(1), n, d, anchor, b.out<float>(0) + anchor * n,
                    b.out<float>(1) + anchor * n);
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:pairs", {Layout::Plain(x), Layout::Plain(labels)}, {square, square}, run)};
}

REGISTER_KERNEL(HardestInBatch, HardestInBatchCandidates);

}  // namespace
}  // namespace gradus
