#include "ops/optimizers.h"

#include <algorithm>
#include <cmath>

#include "graph/reference.h"
#include "graph/step_ops.h"

namespace gradus {
namespace {

double Decayed(const DecayAttrs& decay, double scale, double w, double g) {
  const double sign = w > 0 ? 1 : w < 0 ? -1 : 0;
  return scale * g + decay.weight_decay * w + decay.weight_decay_l1 * sign;
}

absl::Status SgdReference(ReferenceContext& context) {
  const DecayAttrs& decay = context.attrs<SgdAttrs>().decay;
  const double rate = context.in(2)[0] * decay.learning_rate_scale;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i];
    context.out(0)[i] = w - rate * Decayed(decay, context.in(3)[0], w, context.in(1)[i]);
  }
  return absl::OkStatus();
}

absl::Status MomentumReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<SgdAttrs>();
  const double rate = context.in(3)[0] * attrs.decay.learning_rate_scale;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i];
    const double gradient = Decayed(attrs.decay, context.in(4)[0], w, context.in(1)[i]);
    const double velocity = attrs.momentum * context.in(2)[i] + gradient;
    context.out(1)[i] = velocity;
    context.out(0)[i] = w - rate * (attrs.nesterov ? gradient + attrs.momentum * velocity : velocity);
  }
  return absl::OkStatus();
}

absl::Status AdamReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<AdamAttrs>();
  const double rate = context.in(4)[0] * attrs.decay.learning_rate_scale;
  const double t = static_cast<double>(context.state.step + 1);
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i];
    DecayAttrs decay = attrs.decay;
    if (attrs.decoupled) decay.weight_decay = 0;
    const double gradient = Decayed(decay, context.in(5)[0], w, context.in(1)[i]);
    const double m = attrs.beta1 * context.in(2)[i] + (1 - attrs.beta1) * gradient;
    const double v = attrs.beta2 * context.in(3)[i] + (1 - attrs.beta2) * gradient * gradient;
    context.out(1)[i] = m;
    context.out(2)[i] = v;
    context.out(0)[i] =
        w - (attrs.decoupled ? rate * attrs.decay.weight_decay * w : 0) -
        rate * (m / (1 - std::pow(attrs.beta1, t))) / (std::sqrt(v / (1 - std::pow(attrs.beta2, t))) + attrs.epsilon);
  }
  return absl::OkStatus();
}

absl::Status AdaGradReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<AdaGradAttrs>();
  const double rate = context.in(2)[0] * attrs.decay.learning_rate_scale;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i], gradient = Decayed(attrs.decay, context.in(3)[0], w, context.in(1)[i]);
    const double sum = context.in(4)[i] + gradient * gradient;
    context.out(1)[i] = sum;
    context.out(0)[i] = w - rate * gradient / (std::sqrt(sum) + attrs.epsilon);
  }
  return absl::OkStatus();
}

absl::Status RmsPropReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<RmsPropAttrs>();
  const double rate = context.in(2)[0] * attrs.decay.learning_rate_scale;
  const int velocities = attrs.slots();  // the output, if there is momentum
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i], gradient = Decayed(attrs.decay, context.in(3)[0], w, context.in(1)[i]);
    double square = attrs.average * context.in(4)[i] + (1 - attrs.average) * gradient * gradient;
    context.out(1)[i] = square;
    if (attrs.centered) {
      const double mean = attrs.average * context.in(5)[i] + (1 - attrs.average) * gradient;
      context.out(2)[i] = mean;
      square = std::max(square - mean * mean, 0.0);
    }
    double step = gradient / (std::sqrt(square) + attrs.epsilon);
    if (attrs.momentum > 0) {
      step += attrs.momentum * context.in(3 + velocities)[i];
      context.out(velocities)[i] = step;
    }
    context.out(0)[i] = w - rate * step;
  }
  return absl::OkStatus();
}

absl::Status AdaDeltaReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<AdaDeltaAttrs>();
  const double rate = context.in(2)[0] * attrs.decay.learning_rate_scale;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double w = context.in(0)[i], gradient = Decayed(attrs.decay, context.in(3)[0], w, context.in(1)[i]);
    const double square = attrs.average * context.in(4)[i] + (1 - attrs.average) * gradient * gradient;
    const double delta = std::sqrt((context.in(5)[i] + attrs.epsilon) / (square + attrs.epsilon)) * gradient;
    context.out(1)[i] = square;
    context.out(2)[i] = attrs.average * context.in(5)[i] + (1 - attrs.average) * delta * delta;
    context.out(0)[i] = w - rate * delta;
  }
  return absl::OkStatus();
}

absl::Status SquaredNormReference(ReferenceContext& context) {
  for (const ReferenceTensor* input : context.inputs) {
    for (double x : input->values) context.out(0)[0] += x * x;
  }
  return absl::OkStatus();
}

absl::Status ClipScaleReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<ClipScaleAttrs>();
  const double norm = std::sqrt(context.in(0)[0]) / attrs.count;
  double scale = 1 / attrs.count;
  if (attrs.clip_norm > 0 && norm > attrs.clip_norm) scale *= attrs.clip_norm / norm;
  context.out(0)[0] = scale;
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(SgdUpdate, SgdReference);
REGISTER_REFERENCE(MomentumUpdate, MomentumReference);
REGISTER_REFERENCE(AdamUpdate, AdamReference);
REGISTER_REFERENCE(AdaGradUpdate, AdaGradReference);
REGISTER_REFERENCE(RmsPropUpdate, RmsPropReference);
REGISTER_REFERENCE(AdaDeltaUpdate, AdaDeltaReference);
REGISTER_REFERENCE(SquaredNorm, SquaredNormReference);
REGISTER_REFERENCE(ClipScale, ClipScaleReference);

}  // namespace gradus
