#include "ops/dropout.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

bool IsRate(double rate) { return rate >= 0 && rate < 1; }

absl::StatusOr<std::vector<TensorType>> DropoutTypes(const TypeContext& context) {
  const double rate = context.attrs.as<DropoutAttrs>().rate;
  if (!IsRate(rate)) return TypeError("a rate in [0, 1)", absl::StrCat(rate));
  return OneFloatType(context);
}

// dx = dy mask / (1 - rate)
absl::Status DropoutGradient(GradientContext& context) {
  context.Set(0, context.Call("Dropout", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerDropout(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const double rate = context.config<Dropout>().rate();
  if (!IsRate(rate)) return context.Error("rate", absl::StrCat("rate is ", rate, "; it must be in [0, 1)"));
  if (!context.training() || rate == 0) return context.input(0);
  return context.Call("Dropout", {context.input(0)}, DropoutAttrs{rate, StableHash(context.name())});
}

}  // namespace

REGISTER_OP(Dropout)
    .Inputs(1)
    .Types(DropoutTypes)
    .Gradient(DropoutGradient)
    .InPlace(0, 0)
    .Random()
    .OneLayout("its random numbers are counted in row-major order, so that the layout changes no result");

REGISTER_LAYER(Dropout, "gradus.Dropout", LowerDropout);

}  // namespace gradus
