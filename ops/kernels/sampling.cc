// In plain layout, since draws belong to row-major indices.
#include "ops/sampling.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "ops/step_numbers.h"

namespace gradus {
namespace {

// draw(numbers of a block of 4, first element, elements in it) for all elements.
template <typename Draw>
std::vector<Candidate> DrawCandidates(const KernelContext& context, const Draw& draw) {
  const Layout plain = Layout::Plain(context.output_type(0));
  const int64_t n = context.output_type(0).shape.num_elements();
  const uint64_t key = context.attrs<SamplingAttrs>().key;
  const auto run = [=](const Buffers& b) {
    const StepNumbers numbers(key, *b.state);
    ParallelFor((n + 3) / 4, 512, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t at = 4 * block;
        draw(numbers.Block(block), b.in<float>(0) + at, std::min<int64_t>(4, n - at), b.out<float>(0) + at);
      }
    });
    return absl::OkStatus();
  };
  return {FunctionCandidate("gradus:plain", {plain}, {plain}, run)};
}

absl::StatusOr<std::vector<Candidate>> BernoulliCandidates(const KernelContext& context) {
  return DrawCandidates(context, [](const Philox::Block& numbers, const float* p, int64_t n, float* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = UniformFloat(numbers[i]) < p[i] ? 1.0f : 0.0f;
  });
}

absl::StatusOr<std::vector<Candidate>> GaussianNoiseCandidates(const KernelContext& context) {
  return DrawCandidates(context, [](const Philox::Block& numbers, const float*, int64_t n, float* y) {
    const std::array<double, 2> pairs[2] = {Normal(numbers[0], numbers[1]), Normal(numbers[2], numbers[3])};
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(pairs[i / 2][i % 2]);
  });
}

REGISTER_KERNEL(Bernoulli, BernoulliCandidates);
REGISTER_KERNEL(GaussianNoise, GaussianNoiseCandidates);

}  // namespace
}  // namespace gradus
