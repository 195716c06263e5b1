#include "ops/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

// Of what there is one number for each channel of x.
absl::StatusOr<TensorType> ChannelType(const TensorType& x) {
  const Shape& shape = x.shape;
  if (x.dtype != DType::kFloat32 || shape.rank() < 2 || shape[1] == 0) {
    return TypeError("f32[N, C] or f32[N, C, ...] with channels", x.ToString());
  }
  return TensorType{DType::kFloat32, Shape{shape[1]}};
}

// Inputs from `first` on: all of the channels' type.
absl::Status CheckPerChannel(const TypeContext& context, size_t first, size_t count, const TensorType& expected) {
  if (context.inputs.size() != first + count) {
    return TypeError(absl::StrCat(first + count, " inputs for these attributes"), absl::StrCat(context.inputs.size()));
  }
  for (size_t i = first; i < context.inputs.size(); ++i) {
    if (context.inputs[i] != expected) {
      return TypeError(absl::StrCat(expected.ToString(), " for x of ", context.input(0).ToString()),
                       context.inputs[i].ToString());
    }
  }
  return absl::OkStatus();
}

// `tensors` inputs of x's type, then vectors of channels: `vectors` of them, and scale and shift.
absl::StatusOr<TensorType> CheckNormInputs(const TypeContext& context, const BatchNormAttrs& attrs, int tensors,
                                           int vectors) {
  GRADUS_ASSIGN_OR_RETURN(const TensorType channels, ChannelType(context.input(0)));
  for (int i = 1; i < tensors; ++i) {
    if (context.input(i) == context.input(0)) continue;
    return TypeError(absl::StrCat("a tensor of x's type, ", context.input(0).ToString()), context.input(i).ToString());
  }
  GRADUS_RETURN_IF_ERROR(CheckPerChannel(context, tensors, vectors + attrs.has_scale + attrs.has_shift, channels));
  return channels;
}

absl::StatusOr<Types> BatchNormTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const TensorType channels,
                          CheckNormInputs(context, context.attrs.as<BatchNormAttrs>(), 1, 0));
  return Types{context.input(0), channels, channels};
}

absl::StatusOr<Types> BatchNormAddTypes(const TypeContext& context) {
  GRADUS_ASSIGN_OR_RETURN(const TensorType channels,
                          CheckNormInputs(context, context.attrs.as<BatchNormAddAttrs>().norm, 2, 0));
  return Types{context.input(0), channels, channels};
}

absl::StatusOr<Types> BatchNormInferenceTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckNormInputs(context, context.attrs.as<BatchNormAttrs>(), 1, 2).status());
  return Types{context.input(0)};
}

absl::StatusOr<Types> BatchNormInferenceAddTypes(const TypeContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckNormInputs(context, context.attrs.as<BatchNormAddAttrs>().norm, 2, 2).status());
  return Types{context.input(0)};
}

absl::StatusOr<Types> BackwardTypes(const TypeContext& context, bool reads_shift) {
  auto attrs = context.attrs.as<BatchNormAttrs>();
  const bool has_shift = attrs.has_shift;
  attrs.has_shift = has_shift && reads_shift;
  GRADUS_ASSIGN_OR_RETURN(const TensorType channels, CheckNormInputs(context, attrs, 2, 2));
  Types types = {context.input(0)};
  types.resize(1 + attrs.has_scale + has_shift, channels);
  return types;
}

absl::StatusOr<Types> BatchNormBackwardTypes(const TypeContext& context) { return BackwardTypes(context, false); }
absl::StatusOr<Types> BatchNormReluBackwardTypes(const TypeContext& context) { return BackwardTypes(context, true); }

// What these rules say of channels. "Wide" is one number for each channel as f32[1, C, 1, ...], which broadcasts to x.
class Channels {
 public:
  explicit Channels(GradientContext& context) : context_(context) {
    const Shape& x = context.shape(context.input(0));
    Dims dims(x.rank(), 1);
    dims[1] = x[1];
    wide_ = *Shape::Make(dims);
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (axis != 1) axes_.push_back(axis);
    }
    count_ = std::max(1.0, static_cast<double>(x.num_elements()) / static_cast<double>(x[1]));
  }

  double count() const { return count_; }  // elements of a channel; 1 when there are none, so that means are 0
  Value Wide(Value per_channel) { return ReshapeTo(context_, per_channel, wide_); }
  Value Narrow(Value wide) { return ReshapeTo(context_, wide, Shape{wide_[1]}); }
  Value Sum(Value x) { return ReduceSum(context_, x, axes_, /*keep_dims=*/true); }
  // 1 / sqrt(variance + epsilon)
  Value Rate(Value variance, double epsilon) {
    return Apply(context_, RECIPROCAL, Apply(context_, SQRT, AddConstant(context_, Wide(variance), epsilon)));
  }

 private:
  GradientContext& context_;
  Shape wide_;
  Dims axes_;
  double count_;
};

// dx, dscale and dshift by BatchNormBackward; of the statistics, with m elements a channel:
//   dx += dmean / m + 2 dvariance (x - mean) / m
absl::Status BatchNormGradient(GradientContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  const Value x = context.input(0), mean = context.output(1), variance = context.output(2);
  Value dx;
  if (context.dy(0).valid()) {
    std::vector<Value> inputs = {x, context.dy(0), mean, variance};
    if (attrs.has_scale) inputs.push_back(context.input(1));
    dx = context.Call("BatchNormBackward", std::move(inputs), attrs);
    if (attrs.has_scale && dx.valid()) context.Set(1, Value{dx.node, 1});
    if (attrs.has_shift && dx.valid()) context.Set(1 + attrs.has_scale, Value{dx.node, 1 + attrs.has_scale});
  }
  Channels channels(context);
  const auto add = [&](Value part) {
    part = BroadcastTo(context, part, context.shape(x));
    dx = dx.valid() ? Add(context, dx, part) : part;
  };
  if (context.dy(1).valid()) add(Scale(context, channels.Wide(context.dy(1)), 1 / channels.count()));
  if (context.dy(2).valid()) {
    const Value centred = Subtract(context, x, channels.Wide(mean));
    add(Multiply(context, centred, Scale(context, channels.Wide(context.dy(2)), 2 / channels.count())));
  }
  context.Set(0, dx);
  return absl::OkStatus();
}

// With r = 1 / sqrt(variance + epsilon) and n = (x - mean) r:
//   dx = scale r dy,  dmean = -scale r sum(dy),  dvariance = -scale r^2 sum(dy n) / 2
//   dscale = sum(dy n),  dshift = sum(dy)
absl::Status BatchNormInferenceGradient(GradientContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  Channels channels(context);
  const Value dy = context.dy(0), r = channels.Rate(context.input(2), attrs.epsilon);
  const Value factor = attrs.has_scale ? Multiply(context, channels.Wide(context.input(3)), r) : r;
  if (context.wants(0)) context.Set(0, Multiply(context, dy, factor));
  const bool wants_shift = attrs.has_shift && context.wants(3 + attrs.has_scale);
  if (context.wants(1) || wants_shift) {
    const Value sum = channels.Sum(dy);
    if (context.wants(1)) context.Set(1, channels.Narrow(Negate(context, Multiply(context, factor, sum))));
    if (wants_shift) context.Set(3 + attrs.has_scale, channels.Narrow(sum));
  }
  const bool wants_scale = attrs.has_scale && context.wants(3);
  if (context.wants(2) || wants_scale) {
    const Value n = Multiply(context, Subtract(context, context.input(0), channels.Wide(context.input(1))), r);
    const Value sum = channels.Sum(Multiply(context, dy, n));
    if (context.wants(2)) {
      const Value dvariance = Scale(context, Multiply(context, Multiply(context, factor, r), sum), -0.5);
      context.Set(2, channels.Narrow(dvariance));
    }
    if (wants_scale) context.Set(3, channels.Narrow(sum));
  }
  return absl::OkStatus();
}

// BatchNormBackward as a function of five independent inputs. With m elements a channel, r = 1 / sqrt(variance +
// epsilon), n = (x - mean) r, g = scale or 1:
//
//   dshift = B = sum(dy),  dscale = A = sum(dy n),  dx = g r (dy - B / m - n A / m)
//
// For the gradients u of dx, a of dscale and b of dshift, with U = sum(u), V = sum(u n), W = sum(u dy):
//
//   d dy   = g r (u - U / m - n V / m) + a n + b
//   d g    = r (W - U B / m - V A / m)
//   d n    = g r (-u A / m - dy V / m) + a dy
//   d x    = r d n,  d mean = -r sum(d n),  d variance = -r^2 (g d g + sum(n d n)) / 2
absl::Status BatchNormBackwardGradient(GradientContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  Channels channels(context);
  const double m = channels.count();
  const Value x = context.input(0), dy = context.input(1);
  const Value r = channels.Rate(context.input(3), attrs.epsilon);
  const Value n = Multiply(context, Subtract(context, x, channels.Wide(context.input(2))), r);
  const Value gr = attrs.has_scale ? Multiply(context, channels.Wide(context.input(4)), r) : r;
  const auto term = [&](Value sum, Value part) { return sum.valid() ? Add(context, sum, part) : part; };

  Value d_dy, d_g, d_n;
  if (const Value u = context.dy(0); u.valid()) {
    const Value sum_u = channels.Sum(u), sum_un = channels.Sum(Multiply(context, u, n));
    const Value sum_dy = channels.Sum(dy), sum_dyn = channels.Sum(Multiply(context, dy, n));
    const Value sum_udy = channels.Sum(Multiply(context, u, dy));
    const Value spread = Add(context, sum_u, Multiply(context, n, sum_un));
    d_dy = Multiply(context, gr, Subtract(context, u, Scale(context, spread, 1 / m)));
    const Value products = Add(context, Multiply(context, sum_u, sum_dy), Multiply(context, sum_un, sum_dyn));
    d_g = Multiply(context, r, Subtract(context, sum_udy, Scale(context, products, 1 / m)));
    const Value crossed = Add(context, Multiply(context, u, sum_dyn), Multiply(context, dy, sum_un));
    d_n = Multiply(context, gr, Scale(context, crossed, -1 / m));
  }
  if (attrs.has_scale && context.dy(1).valid()) {
    const Value a = channels.Wide(context.dy(1));
    d_dy = term(d_dy, Multiply(context, a, n));
    d_n = term(d_n, Multiply(context, a, dy));
  }
  if (attrs.has_shift && context.dy(1 + attrs.has_scale).valid()) {
    d_dy = term(d_dy, BroadcastTo(context, channels.Wide(context.dy(1 + attrs.has_scale)), context.shape(x)));
  }

  context.Set(1, d_dy);
  if (d_n.valid()) {
    context.Set(0, Multiply(context, r, d_n));
    context.Set(2, channels.Narrow(Negate(context, Multiply(context, r, channels.Sum(d_n)))));
    Value by_rate = channels.Sum(Multiply(context, n, d_n));
    if (d_g.valid()) {
      by_rate = Add(context, by_rate, attrs.has_scale ? Multiply(context, channels.Wide(context.input(4)), d_g) : d_g);
    }
    context.Set(3, channels.Narrow(Scale(context, Multiply(context, Apply(context, SQUARE, r), by_rate), -0.5)));
  }
  if (attrs.has_scale && d_g.valid()) context.Set(4, channels.Narrow(d_g));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerBatchNorm(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  return AddBatchNorm(context, context.input(0), context.config<BatchNorm>(), "");
}

absl::Status CheckConfig(const LayerContext& context, const BatchNorm& config, absl::string_view field) {
  if (!(config.epsilon() > 0 && std::isfinite(config.epsilon()))) {
    return context.Error(absl::StrCat(field, "epsilon"),
                         absl::StrCat("epsilon is ", config.epsilon(), "; it must be above 0"));
  }
  if (!(config.momentum() >= 0 && config.momentum() <= 1)) {
    return context.Error(absl::StrCat(field, "momentum"),
                         absl::StrCat("momentum is ", config.momentum(), "; it must be in [0, 1]"));
  }
  return absl::OkStatus();
}

// running = momentum running + (1 - momentum) correction batch, once the step is known to be good.
absl::Status CommitAverage(LayerContext& context, Value running, Value batch, double momentum, double correction) {
  GRADUS_ASSIGN_OR_RETURN(const Value average,
                          context.graph().Add({"RunningAverage",
                                               absl::StrCat(context.graph().node(running).name, "/average"),
                                               {running, batch},
                                               RunningAverageAttrs{momentum, correction},
                                               context.where(),
                                               Stage::kCommit}));
  return context.Commit(running, average);
}

constexpr char kFused[] = "made by a pass after differentiation";

REGISTER_OP(BatchNorm).Inputs(1, 3).Types(BatchNormTypes).Gradient(BatchNormGradient).InPlace(0, 0);
REGISTER_OP(BatchNormInference)
    .Inputs(3, 5)
    .Types(BatchNormInferenceTypes)
    .Gradient(BatchNormInferenceGradient)
    .InPlace(0, 0);
REGISTER_OP(BatchNormBackward)
    .Inputs(4, 5)
    .Types(BatchNormBackwardTypes)
    .Gradient(BatchNormBackwardGradient)
    .InPlace(1, 0);
REGISTER_OP(BatchNormRelu).Inputs(1, 3).Types(BatchNormTypes).NoGradient(kFused).InPlace(0, 0);
REGISTER_OP(BatchNormAdd).Inputs(2, 4).Types(BatchNormAddTypes).NoGradient(kFused).InPlace(1, 0).InPlace(0, 0);
REGISTER_OP(BatchNormInferenceRelu).Inputs(3, 5).Types(BatchNormInferenceTypes).NoGradient(kFused).InPlace(0, 0);
REGISTER_OP(BatchNormInferenceAdd)
    .Inputs(4, 6)
    .Types(BatchNormInferenceAddTypes)
    .NoGradient(kFused)
    .InPlace(1, 0)
    .InPlace(0, 0);
REGISTER_OP(BatchNormReluBackward).Inputs(4, 6).Types(BatchNormReluBackwardTypes).NoGradient(kFused).InPlace(1, 0);
REGISTER_OP(RunningAverage)
    .Inputs(2)
    .Types(OneFloatType)
    .NoGradient("training does not look through running statistics")
    .InPlace(0, 0);
REGISTER_LAYER(BatchNorm, "gradus.BatchNorm", LowerBatchNorm);

}  // namespace

absl::StatusOr<Value> AddBatchNorm(LayerContext& context, Value x, const BatchNorm& config, absl::string_view suffix) {
  const std::string field = suffix.empty() ? "" : absl::StrCat(suffix, ".batch.");
  GRADUS_RETURN_IF_ERROR(CheckConfig(context, config, field));
  const bool training = context.training();
  const absl::StatusOr<TensorType> channels = ChannelType(context.type(x));
  if (!channels.ok()) return context.Error(suffix, channels.status().message());
  const auto name = [&](absl::string_view variable) {
    return suffix.empty() ? std::string(variable) : absl::StrCat(suffix, "/", variable);
  };

  BatchNormAttrs attrs = {config.epsilon(), config.scale(), config.shift()};
  std::vector<Value> trained;
  if (attrs.has_scale) {
    GRADUS_ASSIGN_OR_RETURN(const Value scale, context.Parameter(name("scale"), channels->shape, &config.scale_init(),
                                                                 "constant { value: 1 }"));
    trained.push_back(scale);
  }
  if (attrs.has_shift) {
    GRADUS_ASSIGN_OR_RETURN(const Value shift, context.Parameter(name("shift"), channels->shape, &config.shift_init(),
                                                                 "constant { value: 0 }"));
    trained.push_back(shift);
  }
  GRADUS_ASSIGN_OR_RETURN(const Value mean, context.State(name("mean"), channels->shape, 0));
  GRADUS_ASSIGN_OR_RETURN(const Value variance, context.State(name("variance"), channels->shape, 1));
  std::vector<Value> inputs = {x};
  if (!training) inputs.insert(inputs.end(), {mean, variance});
  inputs.insert(inputs.end(), trained.begin(), trained.end());
  GRADUS_ASSIGN_OR_RETURN(
      const Value y, context.Call(training ? "BatchNorm" : "BatchNormInference", std::move(inputs), attrs, suffix));
  if (!training) return y;

  const Shape& shape = context.shape(x);
  const double m = static_cast<double>(shape.num_elements()) / static_cast<double>(shape[1]);
  GRADUS_RETURN_IF_ERROR(CommitAverage(context, mean, Value{y.node, 1}, config.momentum(), 1));
  GRADUS_RETURN_IF_ERROR(
      CommitAverage(context, variance, Value{y.node, 2}, config.momentum(), m > 1 ? m / (m - 1) : 1));
  return y;
}

}  // namespace gradus
