#include "ops/sampling.h"

#include "graph/reference.h"
#include "ops/step_numbers.h"

namespace gradus {
namespace {

absl::Status BernoulliReference(ReferenceContext& context) {
  const StepNumbers numbers(context.attrs<SamplingAttrs>().key, context.state);
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const uint32_t number = numbers.Block(static_cast<int64_t>(i / 4))[i % 4];
    context.out(0)[i] = UniformFloat(number) < context.in(0)[i] ? 1 : 0;
  }
  return absl::OkStatus();
}

absl::Status GaussianNoiseReference(ReferenceContext& context) {
  const StepNumbers numbers(context.attrs<SamplingAttrs>().key, context.state);
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const Philox::Block block = numbers.Block(static_cast<int64_t>(i / 4));
    const size_t pair = i % 4 / 2 * 2;
    context.out(0)[i] = Normal(block[pair], block[pair + 1])[i % 2];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Bernoulli, BernoulliReference);
REGISTER_REFERENCE(GaussianNoise, GaussianNoiseReference);

}  // namespace
}  // namespace gradus
