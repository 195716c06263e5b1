#include "ops/pool.h"

#include <algorithm>
#include <cmath>

#include "graph/reference.h"

namespace gradus {
namespace {

// Calls body(o, i, inside) for each pair of a window o and a place i that it covers, in row-major order of both; o and
// i count in the flattened spatial dimensions; `counted` says whether an average counts the place, `inside` whether it
// lies in the input (else i is meaningless).
template <typename Body>
void ForEachTap(const Window& window, const Dims& ceil_rows, const Shape& input, const Shape& output,
                const Body& body) {
  const int rank = window.spatial_rank();
  int64_t taps = 1;
  for (int64_t k : window.kernel) taps *= k;
  const int64_t windows = output.ElementsBetween(2, output.rank());
  for (int64_t o = 0; o < windows; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      bool inside = true, counted = true;
      int64_t place = 0, scale = 1, rest_of_o = o, rest_of_tap = tap;
      for (int d = rank - 1; d >= 0; --d) {
        const int64_t at = rest_of_o % output[2 + d] * window.stride[d] + rest_of_tap % window.kernel[d];
        const int64_t i = at - window.pad_begin[d];
        inside = inside && i >= 0 && i < input[2 + d];
        counted = counted && i < input[2 + d] + window.pad_end[d] - (ceil_rows.empty() ? 0 : ceil_rows[d]);
        place += i * scale;
        scale *= input[2 + d];
        rest_of_o /= output[2 + d];
        rest_of_tap /= window.kernel[d];
      }
      body(o, place, inside, counted);
    }
  }
}

// The opaque argmax: for each element of y, in row-major order, the flattened spatial place in its channel of x.
absl::Status MaxPoolReference(ReferenceContext& context) {
  const Shape &x = context.shape(0), &y = context.outputs[0].shape;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  std::vector<double>&values = context.out(0), &argmax = context.out(1);
  argmax.assign(values.size(), -1);
  for (int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    ForEachTap(context.attrs<MaxPoolAttrs>().window, {}, x, y, [&](int64_t o, int64_t i, bool inside, bool) {
      if (!inside) return;
      const double candidate = context.in(0)[channel * in + i];
      double& best = values[channel * out + o];
      double& where = argmax[channel * out + o];
      if (where >= 0 && (std::isnan(best) || !(candidate > best || std::isnan(candidate)))) return;
      best = candidate;
      where = static_cast<double>(i);
    });
  }
  return absl::OkStatus();
}

absl::Status MaxPoolBackwardReference(ReferenceContext& context) {
  const Shape &dy = context.shape(0), &dx = context.outputs[0].shape;
  const int64_t in = dx.ElementsBetween(2, dx.rank()), out = dy.ElementsBetween(2, dy.rank());
  for (int64_t k = 0; k < dy.num_elements(); ++k) {
    context.out(0)[k / out * in + static_cast<int64_t>(context.in(1)[k])] += context.in(0)[k];
  }
  return absl::OkStatus();
}

absl::Status MaxPoolGatherReference(ReferenceContext& context) {
  const Shape &x = context.shape(0), &y = context.outputs[0].shape;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  for (int64_t k = 0; k < y.num_elements(); ++k) {
    context.out(0)[k] = context.in(0)[k / out * in + static_cast<int64_t>(context.in(1)[k])];
  }
  return absl::OkStatus();
}

// By window: what its sum is divided by.
std::vector<double> Divisors(const AveragePoolAttrs& attrs, const Shape& x, const Shape& y) {
  std::vector<double> divisors(y.ElementsBetween(2, y.rank()), 0.0);
  ForEachTap(attrs.window, attrs.ceil_rows, x, y, [&](int64_t o, int64_t, bool inside, bool counted) {
    divisors[o] += inside || (attrs.count_padding && counted) ? 1 : 0;
  });
  return divisors;
}

absl::Status AveragePoolReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<AveragePoolAttrs>();
  const Shape &x = context.shape(0), &y = context.outputs[0].shape;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  const std::vector<double> divisors = Divisors(attrs, x, y);
  for (int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    ForEachTap(attrs.window, attrs.ceil_rows, x, y, [&](int64_t o, int64_t i, bool inside, bool) {
      if (inside) context.out(0)[channel * out + o] += context.in(0)[channel * in + i] / divisors[o];
    });
  }
  return absl::OkStatus();
}

absl::Status AveragePoolBackwardReference(ReferenceContext& context) {
  const AveragePoolAttrs& attrs = context.attrs<AveragePoolBackwardAttrs>().forward;
  const Shape &y = context.shape(0), &x = context.outputs[0].shape;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  const std::vector<double> divisors = Divisors(attrs, x, y);
  for (int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    ForEachTap(attrs.window, attrs.ceil_rows, x, y, [&](int64_t o, int64_t i, bool inside, bool) {
      if (inside) context.out(0)[channel * in + i] += context.in(0)[channel * out + o] / divisors[o];
    });
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(MaxPool, MaxPoolReference);
REGISTER_REFERENCE(MaxPoolBackward, MaxPoolBackwardReference);
REGISTER_REFERENCE(MaxPoolGather, MaxPoolGatherReference);
REGISTER_REFERENCE(AveragePool, AveragePoolReference);
REGISTER_REFERENCE(AveragePoolBackward, AveragePoolBackwardReference);

}  // namespace
}  // namespace gradus
