#include "ops/unfold.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

// The columns of an x of the attributes' shape.
absl::StatusOr<TensorType> ColumnsType(const UnfoldAttrs& attrs) {
  GRADUS_ASSIGN_OR_RETURN(const Dims outputs, WindowOutput(attrs.window, TensorType{DType::kFloat32, attrs.input}));
  int64_t rows = attrs.input[1], columns = 1;
  for (int64_t k : attrs.window.kernel) {
    GRADUS_ASSIGN_OR_RETURN(rows, CheckedMultiply(rows, k));
  }
  for (int64_t o : outputs) {
    GRADUS_ASSIGN_OR_RETURN(columns, CheckedMultiply(columns, o));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make({attrs.input[0], rows, columns}));
  return TensorType{DType::kFloat32, std::move(shape)};
}

absl::StatusOr<std::vector<TensorType>> UnfoldTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<UnfoldAttrs>();
  GRADUS_ASSIGN_OR_RETURN(TensorType columns, ColumnsType(attrs));
  const TensorType x = {DType::kFloat32, attrs.input};
  if (context.input(0) != x) return TypeError(x.ToString(), context.input(0).ToString());
  return std::vector<TensorType>{std::move(columns)};
}

absl::StatusOr<std::vector<TensorType>> FoldTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<UnfoldAttrs>();
  GRADUS_ASSIGN_OR_RETURN(const TensorType columns, ColumnsType(attrs));
  if (context.input(0) != columns) {
    return TypeError(absl::StrCat("columns ", columns.ToString()), context.input(0).ToString());
  }
  return std::vector<TensorType>{{DType::kFloat32, attrs.input}};
}

// dx = Fold(dy)
absl::Status UnfoldGradient(GradientContext& context) {
  context.Set(0, context.Call("Fold", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// dcolumns = Unfold(dx)
absl::Status FoldGradient(GradientContext& context) {
  context.Set(0, context.Call("Unfold", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

REGISTER_OP(Unfold).Inputs(1).Types(UnfoldTypes).Gradient(UnfoldGradient);
REGISTER_OP(Fold).Inputs(1).Types(FoldTypes).Gradient(FoldGradient);

}  // namespace
}  // namespace gradus
