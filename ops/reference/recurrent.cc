#include "ops/recurrent.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/reference.h"

namespace gradus {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One direction of one layer, and where its elements are.
struct Walk {
  Walk(const RecurrentAttrs& attrs, const Shape& sequence)
      : batch(sequence[0]), steps(sequence[1]), units(sequence[2]), gates(FactsOf(attrs.cell).gates), attrs(attrs) {}

  // In [n, t, units] and [n, t, gates, units].
  int64_t At(int64_t n, int64_t t, int64_t j) const { return (n * steps + t) * units + j; }
  int64_t At(int64_t n, int64_t t, int g, int64_t j) const { return ((n * steps + t) * gates + g) * units + j; }
  // The steps of an example that count, in the order in which they are taken.
  std::vector<int64_t> Order(int64_t length) const {
    std::vector<int64_t> order(length);
    for (int64_t s = 0; s < length; ++s) order[s] = attrs.reverse ? length - 1 - s : s;
    return order;
  }

  int64_t batch, steps, units;
  int gates;
  const RecurrentAttrs& attrs;
};

// How many steps of example n count.
absl::StatusOr<int64_t> LengthOf(const ReferenceContext& context, int lengths, int64_t n, int64_t steps) {
  if (lengths < 0) return steps;
  const auto length = static_cast<int64_t>(context.in(lengths)[n]);
  if (length < 0 || length > steps) return absl::OutOfRangeError(absl::StrCat("length ", length));
  return length;
}

absl::Status RecurrentReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<RecurrentAttrs>();
  const RecurrentOperands at(attrs);
  const Shape& x = context.shape(0);
  const int64_t units = context.shape(1)[1];
  const Walk walk(attrs, *Shape::Make({x[0], x[1], units}));
  const std::vector<double>&w = context.in(1), &xs = context.in(0);
  for (int64_t n = 0; n < walk.batch; ++n) {
    std::vector<double> h(context.in(2).begin() + n * units, context.in(2).begin() + (n + 1) * units), c(units);
    if (at.c0 >= 0) std::copy_n(context.in(at.c0).begin() + n * units, units, c.begin());
    GRADUS_ASSIGN_OR_RETURN(const int64_t length, LengthOf(context, at.lengths, n, walk.steps));
    for (int64_t t : walk.Order(length)) {
      std::vector<double> next(units);
      for (int64_t j = 0; j < units; ++j) {
        std::vector<double> p(walk.gates), a(walk.gates);
        for (int g = 0; g < walk.gates; ++g) {
          for (int64_t k = 0; k < units; ++k) p[g] += h[k] * w[(g * units + j) * units + k];
          a[g] = xs[walk.At(n, t, g, j)] + p[g];
        }
        switch (attrs.cell) {
          case RecurrentCell::kTanh:
            next[j] = std::tanh(a[0]);
            break;
          case RecurrentCell::kRelu:
            next[j] = std::max(a[0], 0.0);
            break;
          case RecurrentCell::kGru: {
            const double r = Sigmoid(a[0]), z = Sigmoid(a[1]), q = p[2] + context.in(at.bias)[j];
            a = {r, z, std::tanh(xs[walk.At(n, t, 2, j)] + r * q)};
            context.out(at.inner)[walk.At(n, t, j)] = q;
            next[j] = (1 - z) * a[2] + z * h[j];
            break;
          }
          case RecurrentCell::kLstm:
            a = {Sigmoid(a[0]), Sigmoid(a[1] + attrs.forget_bias), std::tanh(a[2]), Sigmoid(a[3])};
            c[j] = a[1] * c[j] + a[0] * a[2];
            context.out(at.inner)[walk.At(n, t, j)] = c[j];
            next[j] = a[3] * std::tanh(c[j]);
            break;
        }
        for (int g = 0; at.gates >= 0 && g < walk.gates; ++g) context.out(at.gates)[walk.At(n, t, g, j)] = a[g];
        context.out(0)[walk.At(n, t, j)] = next[j];
      }
      h = next;
    }
    std::copy(h.begin(), h.end(), context.out(1).begin() + n * units);
    if (at.c >= 0) std::copy(c.begin(), c.end(), context.out(at.c).begin() + n * units);
  }
  return absl::OkStatus();
}

absl::Status RecurrentBackwardReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<RecurrentAttrs>();
  const RecurrentBackwardOperands at(attrs);
  const Walk walk(attrs, context.shape(2));
  const int64_t units = walk.units;
  const std::vector<double>&w = context.in(0), &h0 = context.in(1), &y = context.in(2);
  for (int64_t n = 0; n < walk.batch; ++n) {
    std::vector<double> dh(context.in(4).begin() + n * units, context.in(4).begin() + (n + 1) * units), dc(units);
    if (at.dc >= 0) std::copy_n(context.in(at.dc).begin() + n * units, units, dc.begin());
    GRADUS_ASSIGN_OR_RETURN(const int64_t length, LengthOf(context, at.lengths, n, walk.steps));
    const std::vector<int64_t> order = walk.Order(length);
    for (int64_t s = length - 1; s >= 0; --s) {
      const int64_t t = order[s];
      const auto before = [&](const std::vector<double>& sequence, const std::vector<double>& first, int64_t j) {
        return s == 0 ? first[n * units + j] : sequence[walk.At(n, order[s - 1], j)];
      };
      std::vector<double> next(units);
      for (int64_t j = 0; j < units; ++j) {
        const double d = dh[j] + context.in(3)[walk.At(n, t, j)];
        std::vector<double> a(walk.gates), dx(walk.gates), dp(walk.gates);  // gates, and gradients by x and by p
        for (int g = 0; at.gates >= 0 && g < walk.gates; ++g) a[g] = context.in(at.gates)[walk.At(n, t, g, j)];
        switch (attrs.cell) {
          case RecurrentCell::kTanh: {
            const double value = y[walk.At(n, t, j)];
            dp = dx = {d * (1 - value * value)};
            break;
          }
          case RecurrentCell::kRelu:
            dp = dx = {y[walk.At(n, t, j)] > 0 ? d : 0};
            break;
          case RecurrentCell::kGru: {
            const double r = a[0], z = a[1], m = a[2], q = context.in(at.inner)[walk.At(n, t, j)];
            const double dm = d * (1 - z) * (1 - m * m);
            dx = {dm * q * r * (1 - r), d * (before(y, h0, j) - m) * z * (1 - z), dm};
            dp = {dx[0], dx[1], dm * r};
            context.out(at.db)[j] += dp[2];
            next[j] += d * z;
            break;
          }
          case RecurrentCell::kLstm: {
            const double tanh_c = std::tanh(context.in(at.inner)[walk.At(n, t, j)]);
            const double i = a[0], f = a[1], g = a[2], o = a[3];
            const double e = dc[j] + d * o * (1 - tanh_c * tanh_c);
            const double c = before(context.in(at.inner), context.in(at.c0), j);
            dp = dx = {e * g * i * (1 - i), e * c * f * (1 - f), e * i * (1 - g * g), d * tanh_c * o * (1 - o)};
            dc[j] = e * f;
            break;
          }
        }
        for (int g = 0; g < walk.gates; ++g) {
          context.out(0)[walk.At(n, t, g, j)] = dx[g];
          for (int64_t k = 0; k < units; ++k) {
            context.out(1)[(g * units + j) * units + k] += dp[g] * before(y, h0, k);
            next[k] += dp[g] * w[(g * units + j) * units + k];
          }
        }
      }
      dh = next;
    }
    std::copy(dh.begin(), dh.end(), context.out(2).begin() + n * units);
    if (at.dc0 >= 0) std::copy(dc.begin(), dc.end(), context.out(at.dc0).begin() + n * units);
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Recurrent, RecurrentReference);
REGISTER_REFERENCE(RecurrentBackward, RecurrentBackwardReference);

}  // namespace
}  // namespace gradus
