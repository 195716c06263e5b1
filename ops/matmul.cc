#include "ops/matmul.h"

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
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// All axes but the last two.
absl::StatusOr<Shape> LeadingShape(const Shape& shape) {
  return Shape::Make(absl::MakeConstSpan(shape.dims()).first(shape.rank() - 2));
}

absl::StatusOr<std::vector<TensorType>> MatMulTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<MatMulAttrs>();
  const Shape &a = context.shape(0), &b = context.shape(1);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (a.rank() < 2 || b.rank() < 2) {
    return TypeError("two inputs of rank 2 or more", absl::StrCat(a.ToString(), " and ", b.ToString()));
  }
  const int64_t columns = attrs.transpose_a ? a[a.rank() - 2] : a[a.rank() - 1];
  const int64_t rows = attrs.transpose_b ? b[b.rank() - 1] : b[b.rank() - 2];
  if (columns != rows) {
    return TypeError(absl::StrCat("as many rows of b as a has columns, ", columns),
                     absl::StrCat(rows, ": a is ", a.ToString(), attrs.transpose_a ? " transposed" : "", ", b is ",
                                  b.ToString(), attrs.transpose_b ? " transposed" : ""));
  }
  GRADUS_ASSIGN_OR_RETURN(const Shape leading_a, LeadingShape(a));
  GRADUS_ASSIGN_OR_RETURN(const Shape leading_b, LeadingShape(b));
  GRADUS_ASSIGN_OR_RETURN(const Shape leading, BroadcastShapes(leading_a, leading_b));
  const MatMulSizes sizes = SizesOf(attrs, a, b);
  Dims dims = leading.dims();
  dims.push_back(sizes.m);
  dims.push_back(sizes.n);
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, std::move(y)}};
}

// With y = A B, A = op(a), B = op(b): dA = dy B^T and dB = A^T dy, transposed where op does so. The driver sums over
// the axes that were broadcast.
absl::Status MatMulGradient(GradientContext& context) {
  const auto attrs = context.attrs<MatMulAttrs>();
  const bool ta = attrs.transpose_a, tb = attrs.transpose_b;
  const Value a = context.input(0), b = context.input(1), dy = context.dy(0);
  if (context.wants(0)) {
    context.Set(0, ta ? context.Call("MatMul", {b, dy}, MatMulAttrs{tb, true})
                      : context.Call("MatMul", {dy, b}, MatMulAttrs{false, !tb}));
  }
  if (context.wants(1)) {
    context.Set(1, tb ? context.Call("MatMul", {dy, a}, MatMulAttrs{true, ta})
                      : context.Call("MatMul", {a, dy}, MatMulAttrs{!ta, false}));
  }
  return absl::OkStatus();
}

double MatMulMacs(const TypeContext& context, absl::Span<const TensorType> outputs) {
  const MatMulSizes sizes = SizesOf(context.attrs.as<MatMulAttrs>(), context.shape(0), context.shape(1));
  return static_cast<double>(outputs[0].shape.num_elements()) * static_cast<double>(sizes.k);
}

REGISTER_OP(MatMul).Inputs(2).Types(MatMulTypes).Gradient(MatMulGradient).Macs(MatMulMacs);

absl::StatusOr<Value> LowerMatMul(LayerContext& context) {
  const auto& config = context.config<MatMul>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  return context.Call("MatMul", {context.input(0), context.input(1)},
                      MatMulAttrs{config.transpose_a(), config.transpose_b()});
}

REGISTER_LAYER(MatMul, "gradus.MatMul", LowerMatMul);

}  // namespace

MatMulSizes SizesOf(const MatMulAttrs& attrs, const Shape& a, const Shape& b) {
  const int64_t rows_a = a[a.rank() - 2], columns_a = a[a.rank() - 1];
  const int64_t rows_b = b[b.rank() - 2], columns_b = b[b.rank() - 1];
  return {attrs.transpose_a ? columns_a : rows_a, attrs.transpose_b ? rows_b : columns_b,
          attrs.transpose_a ? rows_a : columns_a};
}

}  // namespace gradus
