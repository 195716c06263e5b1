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

// `first`: the input that holds the scale, behind which comes the shift.
void Normalise(ReferenceContext& context, const std::vector<double>& mean, const std::vector<double>& variance,
               int first) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  const std::vector<double> r = InverseDeviations(variance, attrs.epsilon);
  ForEachElement(context.shape(0), [&](size_t c, size_t i) {
    const double scale = attrs.has_scale ? context.in(first)[c] : 1;
    const double shift = attrs.has_shift ? context.in(first + attrs.has_scale)[c] : 0;
    context.out(0)[i] = scale * (context.in(0)[i] - mean[c]) * r[c] + shift;
  });
}

absl::Status BatchNormReference(ReferenceContext& context) {
  const std::vector<double>& x = context.in(0);
  const double m = PerChannel(context.shape(0));
  std::vector<double>&mean = context.out(1), &variance = context.out(2);
  ForEachElement(context.shape(0), [&](size_t c, size_t i) { mean[c] += x[i] / m; });
  ForEachElement(context.shape(0), [&](size_t c, size_t i) { variance[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / m; });
  Normalise(context, mean, variance, 1);
  return absl::OkStatus();
}

absl::Status InferenceReference(ReferenceContext& context) {
  Normalise(context, context.in(1), context.in(2), 3);
  return absl::OkStatus();
}

absl::Status BackwardReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  const std::vector<double>&x = context.in(0), &dy = context.in(1), &mean = context.in(2);
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
REGISTER_REFERENCE(BatchNormInference, InferenceReference);
REGISTER_REFERENCE(BatchNormBackward, BackwardReference);
REGISTER_REFERENCE(RunningAverage, RunningAverageReference);

}  // namespace gradus
