#include "tests/foreign/swell.h"

#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/kernel.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "graph/reference.h"
#include "ops/functions.h"
#include "tests/foreign/swell.pb.h"

namespace acme {
namespace {

using gradus::Shape;
using gradus::TensorType;
using gradus::Value;

absl::StatusOr<std::vector<TensorType>> SwellTypes(const gradus::TypeContext& context) {
  const TensorType &x = context.input(0), &gain = context.input(1);
  const bool floats = x.dtype == gradus::DType::kFloat32 && gain.dtype == gradus::DType::kFloat32;
  if (!floats || x.shape.rank() < 2 || gain.shape.rank() != 1 || gain.shape[0] != x.shape[1]) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected f32[N, C, ...] and f32[C]; got ", x.ToString(), " and ", gain.ToString()));
  }
  return std::vector<TensorType>{x};
}

// The gain as it broadcasts over the positions of x.
Value GainOver(gradus::GradientContext& context) {
  gradus::Dims dims(context.shape(context.input(0)).rank() - 1, 1);
  dims[0] = context.shape(context.input(1))[0];
  return gradus::ReshapeTo(context, context.input(1), *Shape::Make(dims));
}

// dx = dy (1 + 3 s g x^2),  dg = sum over all but channels of dy s x^3
absl::Status SwellGradient(gradus::GradientContext& context) {
  const double strength = context.attrs<SwellAttrs>().strength;
  const Value x = context.input(0), dy = context.dy(0);
  const Value square = gradus::Multiply(context, x, x);
  if (context.wants(0)) {
    const Value slope = gradus::Scale(context, gradus::Multiply(context, GainOver(context), square), 3 * strength);
    context.Set(0, gradus::Multiply(context, dy, gradus::AddConstant(context, slope, 1)));
  }
  if (context.wants(1)) {
    gradus::Dims others = {0};
    for (int axis = 2; axis < context.shape(x).rank(); ++axis) others.push_back(axis);
    const Value cube = gradus::Multiply(context, square, x);
    const Value each = gradus::Scale(context, gradus::Multiply(context, dy, cube), strength);
    context.Set(1, gradus::ReduceSum(context, each, others, /*keep_dims=*/false));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerSwell(gradus::LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const Shape& x = context.shape(context.input(0));
  if (x.rank() < 2) return context.Error("", absl::StrCat("needs channels; its input is ", x.ToString()));
  GRADUS_ASSIGN_OR_RETURN(Value gain, context.Parameter("gain", Shape{x[1]}, nullptr, "constant { value: 1 }"));
  return context.Call("Swell", {context.input(0), gain}, SwellAttrs{context.config<Swell>().strength()});
}

// In plain layout; a kernel that cared for speed would take blocked ones, too.
absl::StatusOr<std::vector<gradus::Candidate>> SwellCandidates(const gradus::KernelContext& context) {
  const TensorType& type = context.input_type(0);
  const int64_t channels = type.shape[1], inner = type.shape.ElementsBetween(2, type.shape.rank());
  const int64_t rows = type.shape[0] * channels;
  const auto strength = static_cast<float>(context.attrs<SwellAttrs>().strength);
  auto run = [=](const gradus::Buffers& b) {
    gradus::ParallelFor(rows, 64, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float factor = strength * b.in<float>(1)[row % channels];
        const float* x = b.in<float>(0) + row * inner;
        float* y = b.out<float>(0) + row * inner;
        for (int64_t i = 0; i < inner; ++i) y[i] = x[i] + factor * x[i] * x[i] * x[i];
      }
    });
    return absl::OkStatus();
  };
  const gradus::Layout plain = gradus::Layout::Plain(type);
  return std::vector<gradus::Candidate>{
      gradus::FunctionCandidate("acme:loop", {plain, gradus::Layout::Plain(context.input_type(1))}, {plain}, run)};
}

absl::Status SwellReference(gradus::ReferenceContext& context) {
  const Shape& shape = context.shape(0);
  const int64_t channels = shape[1], inner = shape.ElementsBetween(2, shape.rank());
  const double strength = context.attrs<SwellAttrs>().strength;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const double x = context.in(0)[i], gain = context.in(1)[static_cast<int64_t>(i) / inner % channels];
    context.out(0)[i] = x + strength * gain * x * x * x;
  }
  return absl::OkStatus();
}

REGISTER_OP(Swell).Inputs(2).Types(SwellTypes).Gradient(SwellGradient);
REGISTER_LAYER(Swell, Swell::descriptor()->full_name(), LowerSwell);
REGISTER_KERNEL(Swell, SwellCandidates);
REGISTER_REFERENCE(Swell, SwellReference);

}  // namespace
}  // namespace acme
