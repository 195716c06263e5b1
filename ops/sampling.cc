#include "ops/sampling.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/formula.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

SamplingAttrs KeyOf(const LayerContext& context) { return {StableHash(context.name())}; }

absl::StatusOr<Value> LowerBernoulli(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  if (context.config<Bernoulli>().only_in_training() && !context.training()) return context.input(0);
  return context.Call("Bernoulli", {context.input(0)}, KeyOf(context));
}

// x + stddev noise, or x + stddev deviations noise.
absl::StatusOr<Value> LowerGaussian(LayerContext& context) {
  const auto& config = context.config<Gaussian>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 2));
  if (!(config.stddev() >= 0 && std::isfinite(config.stddev()))) {
    return context.Error("stddev", absl::StrCat("stddev is ", config.stddev(), "; it must be 0 or more"));
  }
  if (config.stddev() == 0 || (config.only_in_training() && !context.training())) return context.input(0);
  Formulas formulas(&context);
  const Formula x = formulas.Of(context.input(0));
  Formula noise = config.stddev() * formulas.Call("GaussianNoise", {x}, KeyOf(context), "noise");
  if (context.num_inputs() == 2) noise = formulas.Of(context.input(1)) * noise;
  const Formula y = x + noise;
  if (formulas.ok() && formulas.shape(y) != formulas.shape(x)) {
    return context.Error("", absl::StrCat("the deviations ", context.type(context.input(1)).ToString(),
                                          " do not broadcast to ", context.type(context.input(0)).ToString()));
  }
  return formulas.Result(y);
}

REGISTER_OP(Bernoulli).Inputs(1).Types(OneFloatType).NoGradient("a draw").InPlace(0, 0).Random();
REGISTER_OP(GaussianNoise).Inputs(1).Types(OneFloatType).NoGradient("noise depends on no input").Random();

REGISTER_LAYER(Bernoulli, "gradus.Bernoulli", LowerBernoulli);
REGISTER_LAYER(Gaussian, "gradus.Gaussian", LowerGaussian);

}  // namespace
}  // namespace gradus
