#include "ops/stochastic_pool.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/formula.h"
#include "ops/pool.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> StochasticPoolTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(TensorType y, PooledType(context.attrs.as<StochasticPoolAttrs>().window, context.input(0)));
  if (context.input(1) != context.input(0)) {
    return TypeError(absl::StrCat("v of x's type, ", context.input(0).ToString()), context.input(1).ToString());
  }
  return std::vector<TensorType>{std::move(y)};
}

absl::StatusOr<std::vector<TensorType>> StochasticPoolBackwardTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<StochasticPoolBackwardAttrs>();
  GRADUS_ASSIGN_OR_RETURN(const TensorType y, PooledType(attrs.forward.window, context.input(0)));
  if (context.shape(0) != attrs.input) return TypeError(attrs.input.ToString(), context.input(0).ToString());
  if (context.input(1) != y) {
    return TypeError(absl::StrCat("dy of y's type, ", y.ToString()), context.input(1).ToString());
  }
  return std::vector<TensorType>{context.input(0)};
}

// dv = dy at the places drawn
absl::Status StochasticPoolGradient(GradientContext& context) {
  const Value x = context.input(0);
  if (!context.wants(1)) return absl::OkStatus();
  context.Set(1, context.Call("StochasticPoolBackward", {x, context.dy(0)},
                              StochasticPoolBackwardAttrs{context.attrs<StochasticPoolAttrs>(), context.shape(x)}));
  return absl::OkStatus();
}

// ddy = what ddv has at the places drawn
absl::Status StochasticPoolBackwardGradient(GradientContext& context) {
  if (!context.wants(1)) return absl::OkStatus();
  context.Set(1, context.Call("StochasticPool", {context.input(0), context.dy(0)},
                              context.attrs<StochasticPoolBackwardAttrs>().forward));
  return absl::OkStatus();
}

REGISTER_OP(StochasticPool).Inputs(2).Types(StochasticPoolTypes).Gradient(StochasticPoolGradient).Random();
REGISTER_OP(StochasticPoolBackward)
    .Inputs(2)
    .Types(StochasticPoolBackwardTypes)
    .Gradient(StochasticPoolBackwardGradient)
    .Random();

}  // namespace

absl::StatusOr<Value> LowerStochasticPool(LayerContext& context, const ResolvedWindow& resolved) {
  constexpr double kLeastAverage = 1e-37;  // a normal f32
  const Value x = context.input(0);
  if (context.training()) {
    return context.Call("StochasticPool", {x, x}, StochasticPoolAttrs{resolved.window, StableHash(context.name())});
  }
  Formulas formulas(&context);
  const AveragePoolAttrs attrs = {resolved.window, true, resolved.ceil_rows};
  const Formula positive = Apply(RELU, formulas.Of(x));
  const Formula squares = formulas.Call("AveragePool", {Apply(SQUARE, positive)}, attrs, "squares");
  const Formula values = formulas.Call("AveragePool", {positive}, attrs, "values");
  return formulas.Result(squares / Maximum(values, kLeastAverage));
}

}  // namespace gradus
