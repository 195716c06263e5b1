#include "ops/dense.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/norm_activation.h"
#include "ops/reshape.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::Status CheckInput(const TensorType& x) {
  if (x.dtype == DType::kFloat32 && x.shape.rank() >= 2 && x.shape.ElementsBetween(1, x.shape.rank()) > 0) {
    return absl::OkStatus();
  }
  return TypeError("f32[N, ...] with at least one element an example", x.ToString());
}

int64_t Inputs(const TensorType& x) { return x.shape.ElementsBetween(1, x.shape.rank()); }

absl::StatusOr<std::vector<TensorType>> DenseTypes(const TypeContext& context) {
  const TensorType &x = context.input(0), &w = context.input(1);
  GRADUS_RETURN_IF_ERROR(CheckInput(x));
  if (w.dtype != DType::kFloat32 || w.shape.rank() != 2 || w.shape[0] < 1 || w.shape[1] != Inputs(x)) {
    return TypeError(absl::StrCat("weights of f32[units, ", Inputs(x), "] for x of ", x.ToString()), w.ToString());
  }
  const int64_t units = w.shape[0];
  if (context.inputs.size() > 2) {
    const TensorType expected{DType::kFloat32, Shape{units}};
    if (context.input(2) != expected) {
      return TypeError(absl::StrCat("a bias of ", expected.ToString()), context.input(2).ToString());
    }
  }
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make({x.shape[0], units}));
  return std::vector<TensorType>{{DType::kFloat32, std::move(y)}};
}

absl::StatusOr<std::vector<TensorType>> DenseBackwardDataTypes(const TypeContext& context) {
  const TensorType &dy = context.input(0), &w = context.input(1);
  if (dy.dtype != DType::kFloat32 || w.dtype != DType::kFloat32 || dy.shape.rank() != 2 || w.shape.rank() != 2 ||
      dy.shape[1] != w.shape[0] || w.shape[0] < 1) {
    return TypeError("dy of f32[N, units] and weights of f32[units, inputs]",
                     absl::StrCat(dy.ToString(), " and ", w.ToString()));
  }
  Dims dims = {dy.shape[0]};
  const Dims& input = context.attrs.as<DenseBackwardDataAttrs>().input;
  dims.insert(dims.end(), input.begin(), input.end());
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  TensorType x{DType::kFloat32, std::move(shape)};
  GRADUS_RETURN_IF_ERROR(CheckInput(x));
  if (Inputs(x) != w.shape[1]) {
    return TypeError(absl::StrCat("weights of f32[units, ", Inputs(x), "] for x of ", x.ToString()), w.ToString());
  }
  return std::vector<TensorType>{std::move(x)};
}

absl::StatusOr<std::vector<TensorType>> DenseBackwardWeightsTypes(const TypeContext& context) {
  const TensorType &x = context.input(0), &dy = context.input(1);
  GRADUS_RETURN_IF_ERROR(CheckInput(x));
  if (dy.dtype != DType::kFloat32 || dy.shape.rank() != 2 || dy.shape[0] != x.shape[0] || dy.shape[1] < 1) {
    return TypeError(absl::StrCat("dy of f32[", x.shape[0], ", units] for x of ", x.ToString()), dy.ToString());
  }
  GRADUS_ASSIGN_OR_RETURN(Shape w, Shape::Make({dy.shape[1], Inputs(x)}));
  std::vector<TensorType> types = {{DType::kFloat32, std::move(w)}};
  if (context.attrs.as<DenseBackwardWeightsAttrs>().has_bias) {
    types.push_back({DType::kFloat32, Shape{dy.shape[1]}});
  }
  return types;
}

DenseBackwardDataAttrs BackwardDataAttrs(const Shape& x) { return {Dims(x.dims().begin() + 1, x.dims().end())}; }

// dx = dy w; dw = dy^T x, db = sum(dy).
absl::Status DenseGradient(GradientContext& context) {
  const Value x = context.input(0), w = context.input(1), dy = context.dy(0);
  if (context.wants(0)) {
    context.Set(0, context.Call("DenseBackwardData", {dy, w}, BackwardDataAttrs(context.shape(x))));
  }
  const bool wants_bias = context.num_inputs() > 2 && context.wants(2);
  if (context.wants(1)) {
    const Value dw = context.Call("DenseBackwardWeights", {x, dy}, DenseBackwardWeightsAttrs{wants_bias});
    context.Set(1, dw);
    if (wants_bias && dw.valid()) context.Set(2, Value{dw.node, 1});
  } else if (wants_bias) {
    context.Set(2, ReduceSum(context, dy, {0}, /*keep_dims=*/false));
  }
  return absl::OkStatus();
}

// With g the gradient by dx: by dy it is g w^T, by w dy^T g.
absl::Status DenseBackwardDataGradient(GradientContext& context) {
  const Value dy = context.input(0), w = context.input(1), g = context.dy(0);
  if (context.wants(0)) context.Set(0, context.Call("Dense", {g, w}, DenseAttrs{}));
  if (context.wants(1)) context.Set(1, context.Call("DenseBackwardWeights", {g, dy}, DenseBackwardWeightsAttrs{false}));
  return absl::OkStatus();
}

// With gw, gb the gradients by dw and db: by x it is dy gw, by dy x gw^T + gb.
absl::Status DenseBackwardWeightsGradient(GradientContext& context) {
  const Value x = context.input(0), dy = context.input(1), gw = context.dy(0);
  const Value gb = context.attrs<DenseBackwardWeightsAttrs>().has_bias ? context.dy(1) : Value{};
  if (context.wants(0) && gw.valid()) {
    context.Set(0, context.Call("DenseBackwardData", {dy, gw}, BackwardDataAttrs(context.shape(x))));
  }
  if (context.wants(1) && gw.valid()) {
    std::vector<Value> inputs = {x, gw};
    if (gb.valid()) inputs.push_back(gb);
    context.Set(1, context.Call("Dense", std::move(inputs), DenseAttrs{}));
  } else if (context.wants(1)) {
    context.Set(1, BroadcastTo(context, gb, context.shape(dy)));
  }
  return absl::OkStatus();
}

// Each element of y sums `inputs` products; so do the derivatives, in another order. w: [units, inputs].
double DenseMacs(const Shape& y, const Shape& w) {
  return static_cast<double>(y.num_elements()) * static_cast<double>(w[1]);
}

double ForwardMacs(const TypeContext& context, absl::Span<const TensorType> outputs) {
  return DenseMacs(outputs[0].shape, context.shape(1));
}

double BackwardDataMacs(const TypeContext& context, absl::Span<const TensorType> /*outputs*/) {
  return DenseMacs(context.shape(0), context.shape(1));
}

double BackwardWeightsMacs(const TypeContext& context, absl::Span<const TensorType> outputs) {
  return DenseMacs(context.shape(1), outputs[0].shape);
}

REGISTER_OP(Dense).Inputs(2, 3).Types(DenseTypes).Gradient(DenseGradient).Macs(ForwardMacs);
REGISTER_OP(DenseBackwardData)
    .Inputs(2)
    .Types(DenseBackwardDataTypes)
    .Gradient(DenseBackwardDataGradient)
    .Macs(BackwardDataMacs);
REGISTER_OP(DenseBackwardWeights)
    .Inputs(2)
    .Types(DenseBackwardWeightsTypes)
    .Gradient(DenseBackwardWeightsGradient)
    .Macs(BackwardWeightsMacs);

absl::StatusOr<Value> LowerDense(LayerContext& context) {
  const auto& config = context.config<Dense>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  Value x = context.input(0);
  const TensorType& type = context.type(x);
  if (absl::Status status = CheckInput(type); !status.ok()) return context.Error("", status.message());
  if (!config.has_units()) return context.Error("", "has no units: the number of outputs");
  if (config.units() < 1) {
    return context.Error("units", absl::StrCat("units is ", config.units(), "; expected 1 or more"));
  }
  if (!config.flatten() && HasNorm(config.norm())) {
    return context.Error("norm", "a norm needs the input flattened; it is of channels, which are axis 1");
  }
  const Shape shape = type.shape;
  const int64_t inputs = config.flatten() ? Inputs(type) : shape[shape.rank() - 1];
  absl::StatusOr<Shape> weights = Shape::Make({config.units(), inputs});
  if (!weights.ok()) return context.Error("units", weights.status().message());
  GRADUS_ASSIGN_OR_RETURN(const Value w,
                          context.Parameter("weights", *weights, &config.weights_init(), "xavier {}",
                                            static_cast<double>(inputs), static_cast<double>(config.units())));
  if (!config.flatten()) {
    const Shape rows{shape.ElementsBetween(0, shape.rank() - 1), inputs};
    GRADUS_ASSIGN_OR_RETURN(x, context.Call("Reshape", {x}, ReshapeAttrs{rows}, "rows"));
  }
  std::vector<Value> operands = {x, w};
  if (config.has_bias() ? config.bias() : !HasNorm(config.norm())) {
    GRADUS_ASSIGN_OR_RETURN(const Value b,
                            context.Parameter("bias", Shape{config.units()}, &config.bias_init(), "constant {}"));
    operands.push_back(b);
  }
  GRADUS_ASSIGN_OR_RETURN(Value y, context.Call("Dense", std::move(operands), DenseAttrs{}));
  if (!config.flatten()) {
    Dims dims(shape.dims().begin(), shape.dims().end());
    dims.back() = config.units();
    const absl::StatusOr<Shape> all = Shape::Make(dims);
    if (!all.ok()) return context.Error("units", all.status().message());
    GRADUS_ASSIGN_OR_RETURN(y, context.Call("Reshape", {y}, ReshapeAttrs{*all}, "positions"));
  }
  return AddNormAndActivation(context, y, config);
}

REGISTER_LAYER(Dense, "gradus.Dense", LowerDense);

}  // namespace
}  // namespace gradus
