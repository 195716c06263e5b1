// Updates run over all stored elements in the parameter's own layout: padding is zero in the parameter, its gradient
// and its slots, and every update keeps it so.
#include "ops/optimizers.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/step_ops.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/update_step.h"

namespace gradus {
namespace {

GRADUS_MULTIVERSION void Sgd(const float* w, const float* __restrict g, float* out, int64_t n, Step s) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = w[i] - s.rate * Decayed(w[i], g[i], s);
}

GRADUS_MULTIVERSION void Momentum(const float* w, const float* __restrict g, const float* v, float* w_out, float* v_out,
                                  int64_t n, Step s, float momentum, float nesterov) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = Decayed(w[i], g[i], s);
    const float velocity = momentum * v[i] + gradient;
    v_out[i] = velocity;
    w_out[i] = w[i] - s.rate * (nesterov * (gradient + momentum * velocity) + (1 - nesterov) * velocity);
  }
}

struct AdamStep {
  Share beta1, beta2;
  float epsilon, mean_correction, variance_correction;
  float shrink;  // what stays of w, decoupled weight decay applied
};

GRADUS_MULTIVERSION void Adam(const float* w, const float* __restrict g, const float* m, const float* v, float* w_out,
                              float* m_out, float* v_out, int64_t n, Step s, AdamStep a) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float gradient = Decayed(w[i], g[i], s);
    const float mean = a.beta1.old * m[i] + a.beta1.fresh * gradient;
    const float variance = a.beta2.old * v[i] + a.beta2.fresh * gradient * gradient;
    m_out[i] = mean;
    v_out[i] = variance;
    w_out[i] = a.shrink * w[i] -
               s.rate * (mean * a.mean_correction) / (std::sqrt(variance * a.variance_correction) + a.epsilon);
  }
}

// Running sums in double: exact enough for any size, as many as keep the adders of any instruction set busy, and added
// up in one order, so that the result is the same on all of them.
GRADUS_MULTIVERSION double SumOfSquares(const float* __restrict x, int64_t n) {
  constexpr int kSums = 32;
  double sums[kSums] = {0};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
#pragma omp simd
    for (int k = 0; k < kSums; ++k) sums[k] += static_cast<double>(x[i + k]) * x[i + k];
  }
  for (; i < n; ++i) sums[i % kSums] += static_cast<double>(x[i]) * x[i];
  for (int half = kSums / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
  }
  return sums[0];
}

// The parameter's layout for all of `tensors`, plain scalars behind them; outputs like the parameter.
Candidate UpdateCandidate(const KernelContext& context, int tensors, FunctionKernel::Function run) {
  const Layout& layout = context.flexible[0] ? context.inputs[1] : context.inputs[0];
  std::vector<Layout> inputs(tensors, layout);
  for (int i = 0; i < 2; ++i) inputs.push_back(Layout::Plain(TensorType{}));
  return FunctionCandidate("gradus:one_pass", std::move(inputs), std::vector<Layout>(tensors - 1, layout),
                           std::move(run));
}

int64_t StoredElements(const KernelContext& context) {
  return (context.flexible[0] ? context.inputs[1] : context.inputs[0]).stored_elements();
}

absl::StatusOr<std::vector<Candidate>> SgdCandidates(const KernelContext& context) {
  const DecayAttrs decay = context.attrs<SgdAttrs>().decay;
  const int64_t n = StoredElements(context);
  return std::vector<Candidate>{UpdateCandidate(context, 2, [=](const Buffers& b) {
    const Step step = MakeStep(decay, b.in<float>(2), b.in<float>(3));
    ParallelFor(
        n, kUpdateGrain,
        [&](int64_t i, int64_t end) {
          Sgd(b.in<float>(0) + i, b.in<float>(1) + i, b.out<float>(0) + i, end - i, step);
        },
        kUpdateAlign);
    return absl::OkStatus();
  })};
}

absl::StatusOr<std::vector<Candidate>> MomentumCandidates(const KernelContext& context) {
  const SgdAttrs attrs = context.attrs<SgdAttrs>();
  const int64_t n = StoredElements(context);
  return std::vector<Candidate>{UpdateCandidate(context, 3, [=](const Buffers& b) {
    const Step step = MakeStep(attrs.decay, b.in<float>(3), b.in<float>(4));
    ParallelFor(
        n, kUpdateGrain,
        [&](int64_t i, int64_t end) {
          Momentum(b.in<float>(0) + i, b.in<float>(1) + i, b.in<float>(2) + i, b.out<float>(0) + i, b.out<float>(1) + i,
                   end - i, step, static_cast<float>(attrs.momentum), attrs.nesterov ? 1.0f : 0.0f);
        },
        kUpdateAlign);
    return absl::OkStatus();
  })};
}

absl::StatusOr<std::vector<Candidate>> AdamCandidates(const KernelContext& context) {
  const AdamAttrs attrs = context.attrs<AdamAttrs>();
  const int64_t n = StoredElements(context);
  return std::vector<Candidate>{UpdateCandidate(context, 4, [=](const Buffers& b) {
    Step step = MakeStep(attrs.decay, b.in<float>(4), b.in<float>(5));
    const float shrink = attrs.decoupled ? 1 - step.rate * std::exchange(step.weight_decay, 0.0f) : 1;
    const double t = static_cast<double>(b.state->step + 1);
    const AdamStep adam = {Share(attrs.beta1),
                           Share(attrs.beta2),
                           static_cast<float>(attrs.epsilon),
                           static_cast<float>(1 / (1 - std::pow(attrs.beta1, t))),
                           static_cast<float>(1 / (1 - std::pow(attrs.beta2, t))),
                           shrink};
    ParallelFor(
        n, kUpdateGrain,
        [&](int64_t i, int64_t end) {
          Adam(b.in<float>(0) + i, b.in<float>(1) + i, b.in<float>(2) + i, b.in<float>(3) + i, b.out<float>(0) + i,
               b.out<float>(1) + i, b.out<float>(2) + i, end - i, step, adam);
        },
        kUpdateAlign);
    return absl::OkStatus();
  })};
}

// Each tensor is summed in chunks of a fixed size, so that the result depends on no thread count.
absl::StatusOr<std::vector<Candidate>> SquaredNormCandidates(const KernelContext& context) {
  constexpr int64_t kChunk = 1 << 14;
  std::vector<Layout> inputs(context.inputs.begin(), context.inputs.end());
  std::vector<int64_t> elements, first_chunk = {0};  // by input; the last entry is their number
  for (const Layout& layout : inputs) {
    elements.push_back(layout.stored_elements());
    first_chunk.push_back(first_chunk.back() + (elements.back() + kChunk - 1) / kChunk);
  }
  const int64_t chunks = first_chunk.back();
  auto run = [kChunk, elements = std::move(elements), first_chunk = std::move(first_chunk), chunks](const Buffers& b) {
    double* sums = static_cast<double*>(b.scratch);
    ParallelFor(chunks, 2, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        const auto after = std::upper_bound(first_chunk.begin(), first_chunk.end(), c);
        const int64_t input = after - first_chunk.begin() - 1;
        const int64_t first = (c - first_chunk[input]) * kChunk;
        sums[c] = SumOfSquares(b.in<float>(static_cast<int>(input)) + first, std::min(kChunk, elements[input] - first));
      }
    });
    double total = 0;
    for (int64_t c = 0; c < chunks; ++c) total += sums[c];
    *b.out<float>(0) = static_cast<float>(total);
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:chunks", std::move(inputs), {Layout::Plain(TensorType{})},
                                                  std::move(run), std::max<int64_t>(1, chunks) * 8)};
}

absl::StatusOr<std::vector<Candidate>> ClipScaleCandidates(const KernelContext& context) {
  const ClipScaleAttrs attrs = context.attrs<ClipScaleAttrs>();
  auto run = [attrs](const Buffers& b) {
    const double norm = std::sqrt(static_cast<double>(*b.in<float>(0))) / attrs.count;
    const double clip = attrs.clip_norm > 0 && norm > attrs.clip_norm ? attrs.clip_norm / norm : 1;
    *b.out<float>(0) = static_cast<float>(clip / attrs.count);
    return absl::OkStatus();
  };
  const Layout scalar = Layout::Plain(TensorType{});
  return std::vector<Candidate>{FunctionCandidate("gradus:scalar", {scalar}, {scalar}, run)};
}

}  // namespace

REGISTER_KERNEL(SgdUpdate, SgdCandidates);
REGISTER_KERNEL(MomentumUpdate, MomentumCandidates);
REGISTER_KERNEL(AdamUpdate, AdamCandidates);
REGISTER_KERNEL(SquaredNorm, SquaredNormCandidates);
REGISTER_KERNEL(ClipScale, ClipScaleCandidates);

}  // namespace gradus
