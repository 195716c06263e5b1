#include "ops/resample.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "graph/reference.h"

namespace gradus {
namespace {

// How much of element i the output o takes, along one dimension.
double Share(int64_t in, int64_t out, bool linear, int64_t o, int64_t i) {
  const double p = (static_cast<double>(o) + 0.5) * static_cast<double>(in) / static_cast<double>(out);
  if (!linear) return static_cast<int64_t>(std::floor(p + 1e-9)) == i ? 1 : 0;
  const double position = std::clamp(p - 0.5, 0.0, static_cast<double>(in - 1));
  return std::max(0.0, 1 - std::fabs(position - static_cast<double>(i)));
}

// y += a x, or dx += a^T dy, of the matrix a of all shares.
absl::Status Apply(ReferenceContext& context, bool forward) {
  const auto& attrs = context.attrs<ResampleAttrs>();
  int64_t in = 1, out = 1;
  for (int64_t size : attrs.input) in *= size;
  for (int64_t size : attrs.output) out *= size;
  const int64_t maps = context.shape(0)[0] * context.shape(0)[1];
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i) {
      double share = 1;
      int64_t rest_of_o = o, rest_of_i = i;
      for (int d = static_cast<int>(attrs.input.size()) - 1; d >= 0; --d) {
        share *= Share(attrs.input[d], attrs.output[d], attrs.linear, rest_of_o % attrs.output[d],
                       rest_of_i % attrs.input[d]);
        rest_of_o /= attrs.output[d];
        rest_of_i /= attrs.input[d];
      }
      if (share == 0) continue;
      for (int64_t map = 0; map < maps; ++map) {
        const int64_t x = map * in + i, y = map * out + o;
        context.out(0)[forward ? y : x] += share * context.in(0)[forward ? x : y];
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ResampleReference(ReferenceContext& context) { return Apply(context, /*forward=*/true); }
absl::Status ResampleBackwardReference(ReferenceContext& context) { return Apply(context, /*forward=*/false); }

REGISTER_REFERENCE(Resample, ResampleReference);
REGISTER_REFERENCE(ResampleBackward, ResampleBackwardReference);

}  // namespace
}  // namespace gradus
