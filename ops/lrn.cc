#include "ops/lrn.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/pad.h"
#include "ops/slice.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

bool IsOdd(int64_t size) { return size > 0 && size % 2 == 1; }
bool IsAlpha(double alpha) { return alpha >= 0 && std::isfinite(alpha); }
bool IsBias(double k) { return k > 0 && std::isfinite(k); }

absl::StatusOr<Types> LrnTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<LrnAttrs>();
  GRADUS_ASSIGN_OR_RETURN(Types types, OneFloatType(context));
  if (context.shape(0).rank() < 2) return TypeError("f32[N, C] or f32[N, C, ...]", context.input(0).ToString());
  if (!IsOdd(attrs.size)) return TypeError("an odd size", absl::StrCat(attrs.size));
  if (!IsAlpha(attrs.alpha)) return TypeError("alpha of at least 0", absl::StrCat(attrs.alpha));
  if (!std::isfinite(attrs.beta)) return TypeError("a finite beta", absl::StrCat(attrs.beta));
  if (!IsBias(attrs.k)) return TypeError("k above 0", absl::StrCat(attrs.k));
  return types;
}

absl::Status LrnGradient(GradientContext& context) {
  context.Set(0, context.Call("LrnBackward", {context.input(0), context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// W(v): a sum of slices of v with zeros around its channels.
Value WindowSum(GradientContext& context, Value v, int64_t size) {
  const Shape& shape = context.shape(context.input(0));
  const int64_t half = std::min((size - 1) / 2, std::max<int64_t>(shape[1], 1) - 1);
  if (half == 0) return v;
  Dims edge(shape.rank(), 0), begin(shape.rank(), 0), end(shape.dims().begin(), shape.dims().end());
  edge[1] = half;
  const Value padded = context.Call("Pad", {v}, PadAttrs{edge, edge, 0});
  Value sum;
  for (int64_t tap = 0; tap <= 2 * half; ++tap) {
    begin[1] = tap, end[1] = tap + shape[1];
    const Value slice = context.Call("Slice", {padded}, SliceAttrs{begin, end});
    sum = tap == 0 ? slice : Add(context, sum, slice);
  }
  return sum;
}

// With a = alpha / size, c = 2 a beta, p = s^-beta, q = p / s, t = W(dy x q), the gradient u of dx = dy p - c x t, and
// r = W(u x):
//   d dy = u p - c x q r
//   d x  = 2 a x W(ds) - c (u t + dy q r),   ds = dy q (c (beta + 1) x r / s - beta u)
absl::Status LrnBackwardGradient(GradientContext& context) {
  const auto attrs = context.attrs<LrnAttrs>();
  const double a = attrs.alpha / static_cast<double>(attrs.size), c = 2 * a * attrs.beta;
  const Value x = context.input(0), dy = context.input(1), u = context.dy(0);
  const auto window = [&](Value v) { return WindowSum(context, v, attrs.size); };
  const auto times = [&](Value v, Value w) { return Multiply(context, v, w); };

  const Value s = AddConstant(context, Scale(context, window(Apply(context, SQUARE, x)), a), attrs.k);
  const Value p = Power(context, s, Constant(context, -attrs.beta)), q = Divide(context, p, s);
  const Value xr = times(x, window(times(u, x)));
  if (context.wants(0)) {
    const Value through_s =
        Subtract(context, Scale(context, Divide(context, xr, s), c * (attrs.beta + 1)), Scale(context, u, attrs.beta));
    const Value ds = times(times(dy, q), through_s);
    const Value ut = times(u, window(times(dy, times(x, q))));
    const Value dyqr = times(times(dy, q), window(times(u, x)));
    context.Set(
        0, Subtract(context, Scale(context, times(x, window(ds)), 2 * a), Scale(context, Add(context, ut, dyqr), c)));
  }
  if (context.wants(1)) context.Set(1, Subtract(context, times(u, p), Scale(context, times(q, xr), c)));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerLrn(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Lrn>();
  if (!IsOdd(config.size())) {
    return context.Error("size", absl::StrCat("size is ", config.size(),
                                              "; it must be odd and above 0: the window has a channel in its middle"));
  }
  if (!IsAlpha(config.alpha())) {
    return context.Error("alpha", absl::StrCat("alpha is ", config.alpha(), "; it must be 0 or more"));
  }
  if (!std::isfinite(config.beta())) {
    return context.Error("beta", absl::StrCat("beta is ", config.beta(), "; it must be a number"));
  }
  if (!IsBias(config.k())) return context.Error("k", absl::StrCat("k is ", config.k(), "; it must be above 0"));
  return context.Call("Lrn", {context.input(0)}, LrnAttrs{config.size(), config.alpha(), config.beta(), config.k()});
}

}  // namespace

REGISTER_OP(Lrn).Inputs(1).Types(LrnTypes).Gradient(LrnGradient).InPlace(0, 0);
REGISTER_OP(LrnBackward).Inputs(2).Types(LrnTypes).Gradient(LrnBackwardGradient).InPlace(1, 0);

REGISTER_LAYER(Lrn, "gradus.Lrn", LowerLrn);

}  // namespace gradus
