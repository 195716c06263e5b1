#include "ops/lrn.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "graph/reference.h"

namespace gradus {
namespace {

// A tensor as [N, C, positions] and the sums over windows of its channels.
class Channels {
 public:
  Channels(const Shape& shape, int64_t size)
      : n_(shape.num_elements()),
        channels_(shape[1]),
        positions_(shape.ElementsBetween(2, shape.rank())),
        half_((size - 1) / 2) {}

  std::vector<double> Sum(const std::vector<double>& v) const {
    std::vector<double> sum(n_, 0.0);
    for (int64_t i = 0; i < n_; ++i) {
      const int64_t c = i / positions_ % channels_;
      const int64_t begin = std::max<int64_t>(0, c - half_), end = std::min(channels_, c + half_ + 1);
      for (int64_t other = begin; other < end; ++other) sum[i] += v[i + (other - c) * positions_];
    }
    return sum;
  }

  // k + alpha / size  W(x^2)
  std::vector<double> Base(const LrnAttrs& attrs, const std::vector<double>& x) const {
    std::vector<double> squares(n_);
    for (int64_t i = 0; i < n_; ++i) squares[i] = x[i] * x[i];
    std::vector<double> base = Sum(squares);
    for (double& s : base) s = attrs.k + attrs.alpha / static_cast<double>(attrs.size) * s;
    return base;
  }

  int64_t size() const { return n_; }

 private:
  int64_t n_, channels_, positions_, half_;
};

absl::Status LrnReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<LrnAttrs>();
  const Channels channels(context.shape(0), attrs.size);
  const std::vector<double>& x = context.in(0);
  const std::vector<double> s = channels.Base(attrs, x);
  for (int64_t i = 0; i < channels.size(); ++i) context.out(0)[i] = x[i] * std::pow(s[i], -attrs.beta);
  return absl::OkStatus();
}

absl::Status LrnBackwardReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<LrnAttrs>();
  const Channels channels(context.shape(0), attrs.size);
  const std::vector<double>&x = context.in(0), &dy = context.in(1);
  const std::vector<double> s = channels.Base(attrs, x);
  std::vector<double> slopes(channels.size());
  for (int64_t i = 0; i < channels.size(); ++i) slopes[i] = dy[i] * x[i] * std::pow(s[i], -attrs.beta - 1);
  const std::vector<double> sums = channels.Sum(slopes);
  const double c = 2 * attrs.alpha * attrs.beta / static_cast<double>(attrs.size);
  for (int64_t i = 0; i < channels.size(); ++i) {
    context.out(0)[i] = dy[i] * std::pow(s[i], -attrs.beta) - c * x[i] * sums[i];
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(Lrn, LrnReference);
REGISTER_REFERENCE(LrnBackward, LrnBackwardReference);

}  // namespace gradus
