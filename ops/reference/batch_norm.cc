#include "ops/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "graph/reference.h"

namespace gradus {
namespace {

// Calls element(channel, index) for every element of f32[N, C, ...].
template <typename Element>
void ForEachElement(const Shape& shape, const Element& element) {
  const int64_t channels = shape[1], positions = shape.ElementsBetween(2, shape.rank());
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    element(static_cast<size_t>(i / positions % channels), static_cast<size_t>(i));
  }
}

size_t NumChannels(const Shape& shape) { return static_cast<size_t>(shape[1]); }

// Elements of a channel; 1 when there are none, so that means are 0.
double PerChannel(const Shape& shape) {
  return std::max(1.0, static_cast<double>(shape.num_elements()) / std::max(1.0, static_cast<double>(shape[1])));
}

std::vector<double> InverseDeviations(const std::vector<double>& variance, double epsilon) {
  std::vector<double> result;
  for (double v : variance) result.push_back(1 / std::sqrt(v + epsilon));
  return result;
}

// What becomes of the normalised elements; `residual`: an input, or -1.
struct Then {
  int residual = -1;
  bool relu = false;
};

// `first`: the input that holds the scale, behind which comes the shift.
void Normalise(ReferenceContext& context, const BatchNormAttrs& attrs, const std::vector<double>& mean,
               const std::vector<double>& variance, int first, const Then& then) {
  const std::vector<double> r = InverseDeviations(variance, attrs.epsilon);
  ForEachElement(context.shape(0), [&](size_t c, size_t i) {
    const double scale = attrs.has_scale ? context.in(first)[c] : 1;
    const double shift = attrs.has_shift ? context.in(first + attrs.has_scale)[c] : 0;
    const double residual = then.residual < 0 ? 0 : context.in(then.residual)[i];
    const double y = scale * (context.in(0)[i] - mean[c]) * r[c] + shift + residual;
    context.out(0)[i] = then.relu ? std::max(y, 0.0) : y;
  });
}

absl::Status Forward(ReferenceContext& context, const BatchNormAttrs& attrs, int first, const Then& then) {
  const std::vector<double>& x = context.in(0);
  const double m = PerChannel(context.shape(0));
  std::vector<double>&mean = context.out(1), &variance = context.out(2);
  ForEachElement(context.shape(0), [&](size_t c, size_t i) { mean[c] += x[i] / m; });
  ForEachElement(context.shape(0), [&](size_t c, size_t i) { variance[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / m; });
  Normalise(context, attrs, mean, variance, first, then);
  return absl::OkStatus();
}

absl::Status BatchNormReference(ReferenceContext& context) {
  return Forward(context, context.attrs<BatchNormAttrs>(), 1, {});
}

absl::Status ReluReference(ReferenceContext& context) {
  return Forward(context, context.attrs<BatchNormAttrs>(), 1, {-1, true});
}

absl::Status AddReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<BatchNormAddAttrs>();
  return Forward(context, attrs.norm, 2, {1, attrs.relu});
}

absl::Status InferenceReference(ReferenceContext& context) {
  Normalise(context, context.attrs<BatchNormAttrs>(), context.in(1), context.in(2), 3, {});
  return absl::OkStatus();
}

absl::Status InferenceReluReference(ReferenceContext& context) {
  Normalise(context, context.attrs<BatchNormAttrs>(), context.in(1), context.in(2), 3, {-1, true});
  return absl::OkStatus();
}

absl::Status InferenceAddReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<BatchNormAddAttrs>();
  Normalise(context, attrs.norm, context.in(2), context.in(3), 4, {1, attrs.relu});
  return absl::OkStatus();
}

// Of `dy`, the gradient by what batch norm gives.
void Backward(ReferenceContext& context, const std::vector<double>& dy) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  const std::vector<double>&x = context.in(0), &mean = context.in(2);
  const std::vector<double> r = InverseDeviations(context.in(3), attrs.epsilon);
  const auto normal = [&](size_t c, size_t i) { return (x[i] - mean[c]) * r[c]; };
  const double m = PerChannel(context.shape(0));
  std::vector<double> dscale(NumChannels(context.shape(0))), dshift(NumChannels(context.shape(0)));
  ForEachElement(context.shape(0), [&](size_t c, size_t i) {
    dscale[c] += dy[i] * normal(c, i);
    dshift[c] += dy[i];
  });
  ForEachElement(context.shape(0), [&](size_t c, size_t i) {
    const double scale = attrs.has_scale ? context.in(4)[c] : 1;
    context.out(0)[i] = scale * r[c] * (dy[i] - dshift[c] / m - normal(c, i) * dscale[c] / m);
  });
  if (attrs.has_scale) context.out(1) = dscale;
  if (attrs.has_shift) context.out(1 + attrs.has_scale) = dshift;
}

absl::Status BackwardReference(ReferenceContext& context) {
  Backward(context, context.in(1));
  return absl::OkStatus();
}

absl::Status ReluBackwardReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  std::vector<double> dy = context.in(1);
  Normalise(context, attrs, context.in(2), context.in(3), 4, {});  // into dx, for now
  for (size_t i = 0; i < dy.size(); ++i) {
    if (!(context.out(0)[i] > 0)) dy[i] = 0;
  }
  Backward(context, dy);
  return absl::OkStatus();
}

absl::Status RunningAverageReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<RunningAverageAttrs>();
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    context.out(0)[i] = attrs.momentum * context.in(0)[i] + (1 - attrs.momentum) * attrs.correction * context.in(1)[i];
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(BatchNorm, BatchNormReference);
REGISTER_REFERENCE(BatchNormRelu, ReluReference);
REGISTER_REFERENCE(BatchNormAdd, AddReference);
REGISTER_REFERENCE(BatchNormInference, InferenceReference);
REGISTER_REFERENCE(BatchNormInferenceRelu, InferenceReluReference);
REGISTER_REFERENCE(BatchNormInferenceAdd, InferenceAddReference);
REGISTER_REFERENCE(BatchNormBackward, BackwardReference);
REGISTER_REFERENCE(BatchNormReluBackward, ReluBackwardReference);
REGISTER_REFERENCE(RunningAverage, RunningAverageReference);

}  // namespace gradus
