// In plain layout, since the mask belongs to row-major indices. Numbers are made a strip at a time, so that the choice
// between an element and 0 is vector code without branches.
#include "ops/dropout.h"

#include <algorithm>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kStripBlocks = 64;
constexpr int64_t kStrip = 4 * kStripBlocks;

GRADUS_MULTIVERSION void Drop(const float* x, const uint32_t* __restrict numbers, int64_t n, uint32_t threshold,
                              float scale, float* y) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = numbers[i] < threshold ? 0 : x[i] * scale;
}

void Run(const DropoutAttrs& attrs, int64_t n, const Buffers& b) {
  const DropoutNumbers numbers(attrs, *b.state);
  const float scale = static_cast<float>(1 / (1 - attrs.rate));
  ParallelFor((n + kStrip - 1) / kStrip, 8, [&](int64_t begin, int64_t end) {
    uint32_t strip[kStrip];
    for (int64_t s = begin; s < end; ++s) {
      for (int64_t block = 0; block < kStripBlocks; ++block) {
        const Philox::Block four = numbers.Block(s * kStripBlocks + block);
        std::copy(four.begin(), four.end(), strip + 4 * block);
      }
      const int64_t at = s * kStrip;
      Drop(b.in<float>(0) + at, strip, std::min(kStrip, n - at), numbers.threshold, scale, b.out<float>(0) + at);
    }
  });
}

absl::StatusOr<std::vector<Candidate>> Candidates(const KernelContext& context) {
  const Layout plain = Layout::Plain(context.output_type(0));
  const int64_t n = context.output_type(0).shape.num_elements();
  const auto function = [attrs = context.attrs<DropoutAttrs>(), n](const Buffers& b) {
    Run(attrs, n, b);
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:plain", {plain}, {plain}, function)};
}

}  // namespace

REGISTER_KERNEL(Dropout, Candidates);

}  // namespace gradus
