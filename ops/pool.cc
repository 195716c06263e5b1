#include "ops/pool.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/stochastic_pool.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

TensorType ArgmaxType() { return {DType::kOpaque, Shape()}; }

// The type of x, given dy and the shape that x had.
absl::StatusOr<TensorType> UnpooledType(const Window& window, const Shape& input, const TensorType& dy) {
  TensorType x = {DType::kFloat32, input};
  GRADUS_ASSIGN_OR_RETURN(const TensorType y, PooledType(window, x));
  if (dy != y) return TypeError(absl::StrCat("dy of y's type, ", y.ToString()), dy.ToString());
  return x;
}

absl::Status CheckArgmax(const TensorType& type) {
  return type == ArgmaxType() ? absl::OkStatus() : TypeError("an opaque argmax", type.ToString());
}

absl::Status CheckCeilRows(const AveragePoolAttrs& attrs) {
  bool good = static_cast<int>(attrs.ceil_rows.size()) == attrs.window.spatial_rank();
  for (int i = 0; good && i < attrs.window.spatial_rank(); ++i) {
    good = attrs.ceil_rows[i] >= 0 && attrs.ceil_rows[i] <= attrs.window.pad_end[i];
  }
  if (good) return absl::OkStatus();
  return TypeError(absl::StrCat("ceil_rows within pad_end, [", absl::StrJoin(attrs.window.pad_end, ", "), "]"),
                   absl::StrCat("[", absl::StrJoin(attrs.ceil_rows, ", "), "]"));
}

absl::StatusOr<Types> MaxPoolTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(TensorType y, PooledType(context.attrs.as<MaxPoolAttrs>().window, context.input(0)));
  return Types{std::move(y), ArgmaxType()};
}

absl::StatusOr<Types> MaxPoolBackwardTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<MaxPoolBackwardAttrs>();
  GRADUS_ASSIGN_OR_RETURN(TensorType x, UnpooledType(attrs.window, attrs.input, context.input(0)));
  GRADUS_RETURN_IF_ERROR(CheckArgmax(context.input(1)));
  return Types{std::move(x)};
}

absl::StatusOr<Types> MaxPoolGatherTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(TensorType y, PooledType(context.attrs.as<MaxPoolAttrs>().window, context.input(0)));
  GRADUS_RETURN_IF_ERROR(CheckArgmax(context.input(1)));
  return Types{std::move(y)};
}

absl::StatusOr<Types> AveragePoolTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<AveragePoolAttrs>();
  GRADUS_ASSIGN_OR_RETURN(TensorType y, PooledType(attrs.window, context.input(0)));
  GRADUS_RETURN_IF_ERROR(CheckCeilRows(attrs));
  return Types{std::move(y)};
}

absl::StatusOr<Types> AveragePoolBackwardTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<AveragePoolBackwardAttrs>();
  GRADUS_ASSIGN_OR_RETURN(TensorType x, UnpooledType(attrs.forward.window, attrs.input, context.input(0)));
  GRADUS_RETURN_IF_ERROR(CheckCeilRows(attrs.forward));
  return Types{std::move(x)};
}

// dx[argmax[i]] += dy[i]
absl::Status MaxPoolGradient(GradientContext& context) {
  const Window& window = context.attrs<MaxPoolAttrs>().window;
  context.Set(0, context.Call("MaxPoolBackward", {context.dy(0), context.output(1)},
                              MaxPoolBackwardAttrs{window, context.shape(context.input(0))}));
  return absl::OkStatus();
}

// dx is linear in dy; argmax is a constant: ddy[i] = ddx[argmax[i]]
absl::Status MaxPoolBackwardGradient(GradientContext& context) {
  const Window& window = context.attrs<MaxPoolBackwardAttrs>().window;
  context.Set(0, context.Call("MaxPoolGather", {context.dy(0), context.input(1)}, MaxPoolAttrs{window}));
  return absl::OkStatus();
}

// dx[argmax[i]] += dy[i]
absl::Status MaxPoolGatherGradient(GradientContext& context) {
  const Window& window = context.attrs<MaxPoolAttrs>().window;
  context.Set(0, context.Call("MaxPoolBackward", {context.dy(0), context.input(1)},
                              MaxPoolBackwardAttrs{window, context.shape(context.input(0))}));
  return absl::OkStatus();
}

// dx[j] = sum over the windows i that hold j of dy[i] / divisor[i]
absl::Status AveragePoolGradient(GradientContext& context) {
  const AveragePoolBackwardAttrs attrs = {context.attrs<AveragePoolAttrs>(), context.shape(context.input(0))};
  context.Set(0, context.Call("AveragePoolBackward", {context.dy(0)}, attrs));
  return absl::OkStatus();
}

// The transpose of the transpose: ddy = AveragePool(ddx)
absl::Status AveragePoolBackwardGradient(GradientContext& context) {
  context.Set(0, context.Call("AveragePool", {context.dy(0)}, context.attrs<AveragePoolBackwardAttrs>().forward));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerPool(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Pool>();
  const TensorType& x = context.type(context.input(0));
  WindowFields fields;
  fields.kernel = config.kernel();
  fields.stride = config.stride();
  fields.pad = config.pad();
  if (config.has_padding()) fields.padding = config.padding();
  fields.stride_defaults_to_kernel = true;
  fields.ceil = config.ceil();
  Dims map;
  if (config.global()) {
    const bool alone = fields.kernel.empty() && fields.stride.empty() && fields.pad.empty() && !config.has_padding();
    if (!alone) return context.Error("global", "global takes the whole map: no kernel, stride, pad or padding");
    if (x.shape.rank() > 2) map.assign(x.shape.dims().begin() + 2, x.shape.dims().end());
    fields.kernel = map;
  }
  GRADUS_ASSIGN_OR_RETURN(const ResolvedWindow resolved, ResolveWindow(context, x, fields));
  if (config.kind() == Pool::STOCHASTIC) return LowerStochasticPool(context, resolved);
  if (config.kind() == Pool::MAX) {
    GRADUS_ASSIGN_OR_RETURN(const Value y, context.Call("MaxPool", {context.input(0)}, MaxPoolAttrs{resolved.window}));
    context.AddOutput("switches", Value{y.node, 1});
    return y;
  }
  return context.Call("AveragePool", {context.input(0)},
                      AveragePoolAttrs{resolved.window, config.count_padding(), resolved.ceil_rows});
}

REGISTER_OP(MaxPool).Inputs(1).Types(MaxPoolTypes).Gradient(MaxPoolGradient);
REGISTER_OP(MaxPoolBackward).Inputs(2).Types(MaxPoolBackwardTypes).Gradient(MaxPoolBackwardGradient);
REGISTER_OP(MaxPoolGather).Inputs(2).Types(MaxPoolGatherTypes).Gradient(MaxPoolGatherGradient);
REGISTER_OP(AveragePool).Inputs(1).Types(AveragePoolTypes).Gradient(AveragePoolGradient);
REGISTER_OP(AveragePoolBackward).Inputs(1).Types(AveragePoolBackwardTypes).Gradient(AveragePoolBackwardGradient);
REGISTER_LAYER(Pool, "gradus.Pool", LowerPool);

}  // namespace

absl::StatusOr<TensorType> PooledType(const Window& window, const TensorType& x) {
  GRADUS_ASSIGN_OR_RETURN(const Dims spatial, WindowOutput(window, x));
  for (int i = 0; i < window.spatial_rank(); ++i) {
    if (window.dilation[i] != 1) {
      return TypeError("dilation 1", absl::StrCat("[", absl::StrJoin(window.dilation, ", "), "]"));
    }
    if (window.pad_begin[i] >= window.kernel[i] || window.pad_end[i] >= window.kernel[i]) {
      return TypeError(absl::StrCat("pads below the kernel [", absl::StrJoin(window.kernel, ", "),
                                    "], so that every window holds an element"),
                       absl::StrCat("[", absl::StrJoin(window.pad_begin, ", "), "] before and [",
                                    absl::StrJoin(window.pad_end, ", "), "] after"));
    }
  }
  Dims dims = {x.shape[0], x.shape[1]};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return TensorType{DType::kFloat32, std::move(shape)};
}

}  // namespace gradus
