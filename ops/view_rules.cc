#include "ops/view_rules.h"

#include "absl/status/status.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/pool.h"
#include "ops/unary.h"

namespace gradus {
namespace {

bool IsRelu(const GradientContext& context) {
  const auto& attrs = context.node().attrs.as<UnaryAttrs>();
  return attrs.function == RELU && attrs.alpha == 0;
}

// dx = max(dy, 0)
absl::Status DeconvolutionRelu(GradientContext& context) {
  if (!IsRelu(context)) return context.node().op->gradient()(context);
  context.Set(0, Apply(context, RELU, context.dy(0)));
  return absl::OkStatus();
}

// dx = max(dy, 0) [y > 0]
absl::Status GuidedRelu(GradientContext& context) {
  if (!IsRelu(context)) return context.node().op->gradient()(context);
  const Value positive = Apply(context, RELU, context.dy(0));
  context.Set(0, context.Call("UnaryBackward", {context.output(0), positive}, context.node().attrs));
  return absl::OkStatus();
}

// dx = dy
absl::Status Pass(GradientContext& context) {
  context.Set(0, context.dy(0));
  return absl::OkStatus();
}

// As if it were average pooling.
absl::Status SpreadOverWindow(GradientContext& context) {
  const Window& window = context.attrs<MaxPoolAttrs>().window;
  const AveragePoolAttrs average = {window, /*count_padding=*/true, Dims(window.kernel.size(), 0)};
  context.Set(0, context.Call("AveragePoolBackward", {context.dy(0)},
                              AveragePoolBackwardAttrs{average, context.shape(context.input(0))}));
  return absl::OkStatus();
}

}  // namespace

GradientOptions DeconvolutionRules() {
  GradientOptions options;
  options.overrides["Unary"] = DeconvolutionRelu;
  return options;
}

GradientOptions GuidedRules() {
  GradientOptions options;
  options.overrides["Unary"] = GuidedRelu;
  return options;
}

GradientOptions ReceptiveFieldRules() {
  GradientOptions options;
  options.overrides["Unary"] = Pass;
  options.overrides["MaxPool"] = SpreadOverWindow;
  return options;
}

}  // namespace gradus
