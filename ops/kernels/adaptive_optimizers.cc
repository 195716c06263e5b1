// AdaGrad, RMSProp and AdaDelta: one pass over all stored elements in the parameter's own layout, as in
// ops/kernels/optimizers.cc.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/update_step.h"
#include "ops/optimizers.h"

namespace gradus {
namespace {

// Inputs and outputs from one element on; a null slot is not there. An output may be its input.
struct Part {
  const float *w, *g, *s, *m, *v;
  float *w_out, *s_out, *m_out, *v_out;
  int64_t n;
};

GRADUS_MULTIVERSION void AdaGrad(const Part& p, Step step, float epsilon) {
  const float* const __restrict g = p.g;
#pragma omp simd
  for (int64_t i = 0; i < p.n; ++i) {
    const float gradient = Decayed(p.w[i], g[i], step);
    const float sum = p.s[i] + gradient * gradient;
    p.s_out[i] = sum;
    p.w_out[i] = p.w[i] - step.rate * gradient / (std::sqrt(sum) + epsilon);
  }
}

struct RmsPropStep {
  Share average;
  float epsilon, momentum;
};

template <bool Centered, bool Momentum>
GRADUS_INLINE void RmsPropLoop(const Part& p, Step step, RmsPropStep r) {
  const float* const __restrict g = p.g;
#pragma omp simd
  for (int64_t i = 0; i < p.n; ++i) {
    const float gradient = Decayed(p.w[i], g[i], step);
    const float square = r.average.old * p.s[i] + r.average.fresh * gradient * gradient;
    p.s_out[i] = square;
    float variance = square;
    if constexpr (Centered) {
      const float mean = r.average.old * p.m[i] + r.average.fresh * gradient;
      p.m_out[i] = mean;
      variance = std::max(square - mean * mean, 0.0f);
    }
    if constexpr (Momentum) {
      const float velocity = r.momentum * p.v[i] + gradient / (std::sqrt(variance) + r.epsilon);
      p.v_out[i] = velocity;
      p.w_out[i] = p.w[i] - step.rate * velocity;
    } else {
      p.w_out[i] = p.w[i] - step.rate * gradient / (std::sqrt(variance) + r.epsilon);
    }
  }
}

GRADUS_MULTIVERSION void RmsProp(const Part& p, Step step, RmsPropStep r) { RmsPropLoop<false, false>(p, step, r); }
GRADUS_MULTIVERSION void RmsPropCentered(const Part& p, Step step, RmsPropStep r) {
  RmsPropLoop<true, false>(p, step, r);
}
GRADUS_MULTIVERSION void RmsPropMomentum(const Part& p, Step step, RmsPropStep r) {
  RmsPropLoop<false, true>(p, step, r);
}
GRADUS_MULTIVERSION void RmsPropCenteredMomentum(const Part& p, Step step, RmsPropStep r) {
  RmsPropLoop<true, true>(p, step, r);
}

// s: averages of squared gradients; m: of squared steps.
GRADUS_MULTIVERSION void AdaDelta(const Part& p, Step step, Share average, float epsilon) {
  const float* const __restrict g = p.g;
#pragma omp simd
  for (int64_t i = 0; i < p.n; ++i) {
    const float gradient = Decayed(p.w[i], g[i], step);
    const float square = average.old * p.s[i] + average.fresh * gradient * gradient;
    const float delta = std::sqrt(p.m[i] + epsilon) / std::sqrt(square + epsilon) * gradient;
    p.s_out[i] = square;
    p.m_out[i] = average.old * p.m[i] + average.fresh * delta * delta;
    p.w_out[i] = p.w[i] - step.rate * delta;
  }
}

// update(part, step) over all elements. Slots: s, then m if `has_m`, then v if `has_v`.
template <typename Update>
std::vector<Candidate> UpdateCandidates(const KernelContext& context, const DecayAttrs& decay, bool has_m, bool has_v,
                                        const Update& update) {
  const Layout layout = context.flexible[0] ? context.inputs[1] : context.inputs[0];
  const int slots = 1 + has_m + has_v, m = has_m ? 2 : 0, v = has_v ? slots : 0;  // which outputs; 0: none
  const Layout scalar = Layout::Plain(TensorType{});
  std::vector<Layout> inputs = {layout, layout, scalar, scalar};
  inputs.resize(4 + slots, layout);
  const auto run = [=, n = layout.stored_elements()](const Buffers& b) {
    const Step step = MakeStep(decay, b.in<float>(2), b.in<float>(3));
    ParallelFor(
        n, kUpdateGrain,
        [&](int64_t i, int64_t end) {
          const auto in = [&](int slot) { return slot == 0 ? nullptr : b.in<float>(3 + slot) + i; };
          const auto out = [&](int slot) { return slot == 0 ? nullptr : b.out<float>(slot) + i; };
          update(Part{b.in<float>(0) + i, b.in<float>(1) + i, in(1), in(m), in(v), b.out<float>(0) + i, out(1), out(m),
                      out(v), end - i},
                 step);
        },
        kUpdateAlign);
    return absl::OkStatus();
  };
  return {FunctionCandidate("gradus:one_pass", std::move(inputs), std::vector<Layout>(1 + slots, layout), run)};
}

absl::StatusOr<std::vector<Candidate>> AdaGradCandidates(const KernelContext& context) {
  const AdaGradAttrs attrs = context.attrs<AdaGradAttrs>();
  const auto epsilon = static_cast<float>(attrs.epsilon);
  return UpdateCandidates(context, attrs.decay, false, false,
                          [epsilon](const Part& part, const Step& step) { AdaGrad(part, step, epsilon); });
}

absl::StatusOr<std::vector<Candidate>> RmsPropCandidates(const KernelContext& context) {
  const RmsPropAttrs attrs = context.attrs<RmsPropAttrs>();
  const RmsPropStep numbers = {Share(attrs.average), static_cast<float>(attrs.epsilon),
                               static_cast<float>(attrs.momentum)};
  const bool has_momentum = attrs.momentum > 0;
  void (*const update)(const Part&, Step, RmsPropStep) =
      attrs.centered ? (has_momentum ? RmsPropCenteredMomentum : RmsPropCentered)
                     : (has_momentum ? RmsPropMomentum : RmsProp);
  return UpdateCandidates(context, attrs.decay, attrs.centered, has_momentum,
                          [=](const Part& part, const Step& step) { update(part, step, numbers); });
}

absl::StatusOr<std::vector<Candidate>> AdaDeltaCandidates(const KernelContext& context) {
  const AdaDeltaAttrs attrs = context.attrs<AdaDeltaAttrs>();
  const Share average(attrs.average);
  const auto epsilon = static_cast<float>(attrs.epsilon);
  return UpdateCandidates(context, attrs.decay, true, false,
                          [=](const Part& part, const Step& step) { AdaDelta(part, step, average, epsilon); });
}

REGISTER_KERNEL(AdaGradUpdate, AdaGradCandidates);
REGISTER_KERNEL(RmsPropUpdate, RmsPropCandidates);
REGISTER_KERNEL(AdaDeltaUpdate, AdaDeltaCandidates);

}  // namespace
}  // namespace gradus
