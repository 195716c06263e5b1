#include "ops/conv.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/conv_fields.h"
#include "ops/formula.h"
#include "ops/functions.h"
#include "ops/matmul.h"
#include "ops/norm_activation.h"
#include "ops/type_checks.h"
#include "ops/unfold.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// [N, channels, spatial...].
absl::StatusOr<Shape> ImageShape(int64_t batch, int64_t channels, const Dims& spatial) {
  Dims dims = {batch, channels};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return Shape::Make(dims);
}

absl::Status CheckBias(const TensorType& bias, int64_t filters) {
  const TensorType expected{DType::kFloat32, Shape{filters}};
  if (bias == expected) return absl::OkStatus();
  return TypeError(absl::StrCat("a bias of ", expected.ToString()), bias.ToString());
}

absl::StatusOr<std::vector<TensorType>> ConvTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const TensorType y,
                          ConvOutput(context.attrs.as<ConvAttrs>(), context.input(0), context.input(1)));
  if (context.inputs.size() > 2) GRADUS_RETURN_IF_ERROR(CheckBias(context.input(2), context.shape(1)[0]));
  return std::vector<TensorType>{y};
}

absl::StatusOr<std::vector<TensorType>> FusedConvTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<FusedConvAttrs>();
  GRADUS_ASSIGN_OR_RETURN(const TensorType y, ConvOutput(attrs.conv, context.input(0), context.input(1)));
  const size_t count = 2 + attrs.has_residual + attrs.has_bias;
  if (context.inputs.size() != count) {
    return TypeError(absl::StrCat(count, " inputs for these attributes"), absl::StrCat(context.inputs.size()));
  }
  if (attrs.has_residual && context.input(2) != y) {
    return TypeError(absl::StrCat("a residual of ", y.ToString()), context.input(2).ToString());
  }
  if (attrs.has_bias) GRADUS_RETURN_IF_ERROR(CheckBias(context.inputs.back(), context.shape(1)[0]));
  return std::vector<TensorType>{y};
}

absl::StatusOr<std::vector<TensorType>> ConvBackwardDataTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ConvBackwardDataAttrs>();
  const TensorType &dy = context.input(0), &w = context.input(1);
  if (dy.shape.rank() < 1 || w.shape.rank() < 2) {
    return TypeError("dy of f32[N, filters, ...] and weights of f32[filters, C / groups, ...]",
                     absl::StrCat(dy.ToString(), " and ", w.ToString()));
  }
  GRADUS_ASSIGN_OR_RETURN(const int64_t channels, CheckedMultiply(w.shape[1], attrs.conv.groups));
  GRADUS_ASSIGN_OR_RETURN(Shape input, ImageShape(dy.shape[0], channels, attrs.input));
  const TensorType x{DType::kFloat32, std::move(input)};
  GRADUS_ASSIGN_OR_RETURN(const TensorType y, ConvOutput(attrs.conv, x, w));
  if (dy == y) return std::vector<TensorType>{x};
  return TypeError(absl::StrCat("dy of ", y.ToString()), dy.ToString());
}

absl::StatusOr<std::vector<TensorType>> ConvBackwardWeightsTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ConvBackwardWeightsAttrs>();
  const TensorType &x = context.input(0), &dy = context.input(1);
  if (x.shape.rank() < 2 || dy.shape.rank() < 2 || attrs.conv.groups < 1) {
    return TypeError("x of f32[N, C, ...], dy of f32[N, filters, ...] and groups of 1 or more",
                     absl::StrCat(x.ToString(), ", ", dy.ToString(), " and ", attrs.conv.groups));
  }
  const int64_t filters = dy.shape[1];
  GRADUS_ASSIGN_OR_RETURN(Shape weights, ImageShape(filters, x.shape[1] / attrs.conv.groups, attrs.conv.window.kernel));
  const TensorType w{DType::kFloat32, std::move(weights)};
  GRADUS_ASSIGN_OR_RETURN(const TensorType y, ConvOutput(attrs.conv, x, w));
  if (dy != y) {
    return TypeError(absl::StrCat("dy of ", y.ToString()), dy.ToString());
  }
  std::vector<TensorType> types = {w};
  if (attrs.has_bias) types.push_back({DType::kFloat32, Shape{filters}});
  return types;
}

// All axes of an image but that of the channels.
Dims AllButChannels(const Shape& shape) {
  Dims axes = {0};
  for (int axis = 2; axis < shape.rank(); ++axis) axes.push_back(axis);
  return axes;
}

Dims SpatialDims(const Shape& shape) { return Dims(shape.dims().begin() + 2, shape.dims().end()); }

// dx = ConvBackwardData(dy, w); dw, db = ConvBackwardWeights(x, dy).
absl::Status ConvGradient(GradientContext& context) {
  const auto& attrs = context.attrs<ConvAttrs>();
  const Value x = context.input(0), w = context.input(1), dy = context.dy(0);
  if (context.wants(0)) {
    context.Set(0,
                context.Call("ConvBackwardData", {dy, w}, ConvBackwardDataAttrs{attrs, SpatialDims(context.shape(x))}));
  }
  const bool wants_bias = context.num_inputs() > 2 && context.wants(2);
  if (context.wants(1)) {
    const Value dw = context.Call("ConvBackwardWeights", {x, dy}, ConvBackwardWeightsAttrs{attrs, wants_bias});
    context.Set(1, dw);
    if (wants_bias && dw.valid()) context.Set(2, Value{dw.node, 1});
  } else if (wants_bias) {
    context.Set(2, ReduceSum(context, dy, AllButChannels(context.shape(dy)), /*keep_dims=*/false));
  }
  return absl::OkStatus();
}

// With g the gradient by dx: by dy it is Conv(g, w), by w ConvBackwardWeights(g, dy).
absl::Status ConvBackwardDataGradient(GradientContext& context) {
  const ConvAttrs& conv = context.attrs<ConvBackwardDataAttrs>().conv;
  const Value dy = context.input(0), w = context.input(1), g = context.dy(0);
  if (context.wants(0)) context.Set(0, context.Call("Conv", {g, w}, conv));
  if (context.wants(1)) {
    context.Set(1, context.Call("ConvBackwardWeights", {g, dy}, ConvBackwardWeightsAttrs{conv, false}));
  }
  return absl::OkStatus();
}

// With gw, gb the gradients by dw and db: by x it is ConvBackwardData(dy, gw), by dy Conv(x, gw, gb).
absl::Status ConvBackwardWeightsGradient(GradientContext& context) {
  const auto& attrs = context.attrs<ConvBackwardWeightsAttrs>();
  const Value x = context.input(0), dy = context.input(1), gw = context.dy(0);
  const Value gb = attrs.has_bias ? context.dy(1) : Value{};
  if (context.wants(0) && gw.valid()) {
    context.Set(0, context.Call("ConvBackwardData", {dy, gw},
                                ConvBackwardDataAttrs{attrs.conv, SpatialDims(context.shape(x))}));
  }
  if (context.wants(1) && gw.valid()) {
    std::vector<Value> inputs = {x, gw};
    if (gb.valid()) inputs.push_back(gb);
    context.Set(1, context.Call("Conv", std::move(inputs), attrs.conv));
  } else if (context.wants(1)) {
    const Shape& shape = context.shape(dy);
    Dims channels(shape.rank(), 1);
    channels[1] = shape[1];
    GRADUS_ASSIGN_OR_RETURN(const Shape row, Shape::Make(channels));
    context.Set(1, BroadcastTo(context, ReshapeTo(context, gb, row), shape));
  }
  return absl::OkStatus();
}

// Each element of y sums one product for each element of its filter; so do the derivatives, in another order.
double ConvMacs(const Shape& y, const Shape& w) {
  return static_cast<double>(y.num_elements()) * static_cast<double>(w.ElementsBetween(1, w.rank()));
}

double ForwardMacs(const TypeContext& context, absl::Span<const TensorType> outputs) {
  return ConvMacs(outputs[0].shape, context.shape(1));
}

double BackwardDataMacs(const TypeContext& context, absl::Span<const TensorType> /*outputs*/) {
  return ConvMacs(context.shape(0), context.shape(1));
}

double BackwardWeightsMacs(const TypeContext& context, absl::Span<const TensorType> outputs) {
  return ConvMacs(context.shape(1), outputs[0].shape);
}

REGISTER_OP(Conv).Inputs(2, 3).Types(ConvTypes).Gradient(ConvGradient).Macs(ForwardMacs);
REGISTER_OP(FusedConv)
    .Inputs(2, 4)
    .Types(FusedConvTypes)
    .NoGradient("made by a pass after differentiation")
    .Macs(ForwardMacs)
    .InPlace(2, 0);
REGISTER_OP(ConvBackwardData)
    .Inputs(2)
    .Types(ConvBackwardDataTypes)
    .Gradient(ConvBackwardDataGradient)
    .Macs(BackwardDataMacs);
REGISTER_OP(ConvBackwardWeights)
    .Inputs(2)
    .Types(ConvBackwardWeightsTypes)
    .Gradient(ConvBackwardWeightsGradient)
    .Macs(BackwardWeightsMacs);

// The convolution as a product of matrices for each group: weights [G, F / G, C / G x taps] by columns
// [N, G, C / G x taps, outputs]. A bias is added to each row.
absl::StatusOr<Value> AddUnfolded(LayerContext& context, const std::vector<Value>& inputs, const ConvAttrs& conv) {
  const Shape x = context.shape(inputs[0]), w = context.shape(inputs[1]);
  const int64_t groups = conv.groups, filters = w[0] / groups, rows = w.ElementsBetween(1, w.rank());
  GRADUS_ASSIGN_OR_RETURN(const Dims spatial, WindowOutput(conv.window, context.type(inputs[0])));
  GRADUS_ASSIGN_OR_RETURN(const Shape y, ImageShape(x[0], w[0], spatial));
  Formulas formulas(&context);
  const Formula unfolded = formulas.Call("Unfold", {formulas.Of(inputs[0])}, UnfoldAttrs{conv.window, x});
  if (!formulas.ok()) return formulas.Result(unfolded);
  const int64_t outputs = formulas.shape(unfolded)[2];
  const Formula columns = Reshaped(unfolded, Shape{x[0], groups, rows, outputs});
  const Formula matrix = Reshaped(formulas.Of(inputs[1]), Shape{groups, filters, rows});
  Formula product = formulas.Call("MatMul", {matrix, columns}, MatMulAttrs{});
  if (inputs.size() > 2) product = product + Reshaped(formulas.Of(inputs[2]), Shape{groups, filters, 1});
  return formulas.Result(Reshaped(product, y));
}

absl::StatusOr<Value> LowerConv(LayerContext& context) {
  const auto& config = context.config<Conv>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const Value x = context.input(0);
  GRADUS_ASSIGN_OR_RETURN(const ResolvedWindow resolved, ResolveWindow(context, context.type(x), FieldsOf(config)));
  const int64_t channels = context.shape(x)[1];
  GRADUS_RETURN_IF_ERROR(CheckChannels(context, config, channels));
  const int64_t filters = config.filters(), groups = config.groups();
  absl::StatusOr<Shape> weights = ImageShape(filters, channels / groups, resolved.window.kernel);
  if (!weights.ok()) return context.Error("filters", weights.status().message());

  const double taps = static_cast<double>(weights->ElementsBetween(2, weights->rank()));
  GRADUS_ASSIGN_OR_RETURN(const Value w, context.Parameter("weights", *weights, &config.weights_init(), "xavier {}",
                                                           taps * static_cast<double>(channels / groups),
                                                           taps * static_cast<double>(filters / groups)));
  std::vector<Value> inputs = {x, w};
  if (config.has_bias() ? config.bias() : !HasNorm(config.norm())) {
    GRADUS_ASSIGN_OR_RETURN(const Value b,
                            context.Parameter("bias", Shape{filters}, &config.bias_init(), "constant {}"));
    inputs.push_back(b);
  }
  const ConvAttrs attrs = {resolved.window, groups};
  GRADUS_ASSIGN_OR_RETURN(const Value y, config.algorithm() == Conv::IM2COL
                                             ? AddUnfolded(context, inputs, attrs)
                                             : context.Call("Conv", std::move(inputs), attrs));
  return AddNormAndActivation(context, y, config);
}

REGISTER_LAYER(Conv, "gradus.Conv", LowerConv);

}  // namespace

absl::StatusOr<TensorType> ConvOutput(const ConvAttrs& conv, const TensorType& x, const TensorType& w) {
  absl::StatusOr<Dims> spatial = WindowOutput(conv.window, x);
  if (!spatial.ok()) return spatial.status();
  const int64_t channels = x.shape[1], groups = conv.groups;
  const int64_t filters = w.shape.rank() > 0 ? w.shape[0] : 0;
  if (groups < 1 || channels % groups != 0 || filters < 1 || filters % groups != 0) {
    return TypeError(absl::StrCat("groups that divide ", channels, " input channels and ", filters, " filters"),
                     absl::StrCat(groups));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape weights, ImageShape(filters, channels / groups, conv.window.kernel));
  const TensorType expected{DType::kFloat32, std::move(weights)};
  if (w != expected) {
    return TypeError(absl::StrCat("weights of ", expected.ToString(), " for x of ", x.ToString()), w.ToString());
  }
  GRADUS_ASSIGN_OR_RETURN(Shape output, ImageShape(x.shape[0], filters, *spatial));
  return TensorType{DType::kFloat32, std::move(output)};
}

}  // namespace gradus
