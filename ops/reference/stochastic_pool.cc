#include "ops/stochastic_pool.h"

#include <vector>

#include "graph/reference.h"
#include "ops/step_numbers.h"

namespace gradus {
namespace {

// For each element of y the row-major place in its channel of x that was drawn, or -1.
std::vector<int64_t> Places(const StochasticPoolAttrs& attrs, const RunState& state, const Shape& x,
                            const std::vector<double>& values, const Shape& y) {
  const StepNumbers numbers(attrs.key, state);
  const Window& window = attrs.window;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  std::vector<int64_t> places;
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    // All places of the channel, in order, that lie in the window and hold something above 0.
    std::vector<int64_t> candidates;
    double sum = 0;
    for (int64_t place = 0; place < in; ++place) {
      bool inside = values[i / out * in + place] > 0;
      int64_t rest = place, o = i % out;
      for (int d = window.spatial_rank() - 1; d >= 0; --d) {
        const int64_t offset = rest % x[2 + d] - (o % y[2 + d] * window.stride[d] - window.pad_begin[d]);
        inside = inside && offset >= 0 && offset < window.kernel[d];
        rest /= x[2 + d];
        o /= y[2 + d];
      }
      if (!inside) continue;
      candidates.push_back(place);
      sum += values[i / out * in + place];
    }
    const double u = UniformFloat(numbers.Block(i / 4)[i % 4]);
    int64_t drawn = -1;
    double below = 0;
    for (int64_t place : candidates) {
      drawn = place;
      below += values[i / out * in + place];
      if (below > u * sum) break;
    }
    places.push_back(drawn);
  }
  return places;
}

absl::Status StochasticPoolReference(ReferenceContext& context) {
  const Shape &x = context.shape(0), &y = context.outputs[0].shape;
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  const auto places = Places(context.attrs<StochasticPoolAttrs>(), context.state, x, context.in(0), y);
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= 0) context.out(0)[i] = context.in(1)[static_cast<int64_t>(i) / out * in + places[i]];
  }
  return absl::OkStatus();
}

absl::Status StochasticPoolBackwardReference(ReferenceContext& context) {
  const Shape &x = context.shape(0), &y = context.shape(1);
  const int64_t in = x.ElementsBetween(2, x.rank()), out = y.ElementsBetween(2, y.rank());
  const auto places = Places(context.attrs<StochasticPoolBackwardAttrs>().forward, context.state, x, context.in(0), y);
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= 0) context.out(0)[static_cast<int64_t>(i) / out * in + places[i]] += context.in(1)[i];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(StochasticPool, StochasticPoolReference);
REGISTER_REFERENCE(StochasticPoolBackward, StochasticPoolBackwardReference);

}  // namespace
}  // namespace gradus
