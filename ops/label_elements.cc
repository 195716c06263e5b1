#include "ops/label_elements.h"

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> TakeLabelTypes(const TypeContext& context) {
  const int64_t classes = context.attrs.as<LabelElementsAttrs>().classes;
  const TensorType &x = context.input(0), &labels = context.input(1);
  if (x.dtype != DType::kFloat32 || x.shape.rank() == 0 || x.shape[x.shape.rank() - 1] != classes) {
    return TypeError(absl::StrCat("f32[..., ", classes, "]"), x.ToString());
  }
  const Dims dims(x.shape.dims().begin(), x.shape.dims().end() - 1);
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  const TensorType expected = {DType::kInt32, shape};
  if (labels == expected) return std::vector<TensorType>{{DType::kFloat32, shape}};
  return TypeError(absl::StrCat("labels ", expected.ToString(), " for ", x.ToString()), labels.ToString());
}

absl::StatusOr<std::vector<TensorType>> PutLabelTypes(const TypeContext& context) {
  const int64_t classes = context.attrs.as<LabelElementsAttrs>().classes;
  const TensorType &y = context.input(0), &labels = context.input(1);
  const TensorType expected = {DType::kInt32, y.shape};
  if (y.dtype != DType::kFloat32) return TypeError("f32[...]", y.ToString());
  if (labels != expected) {
    return TypeError(absl::StrCat("labels ", expected.ToString(), " for ", y.ToString()), labels.ToString());
  }
  if (classes < 0) return TypeError("classes of 0 or more", absl::StrCat(classes));
  Dims dims = y.shape.dims();
  dims.push_back(classes);
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, shape}};
}

// dx = PutLabel(dy, labels)
absl::Status TakeLabelGradient(GradientContext& context) {
  context.Set(0, context.Call("PutLabel", {context.dy(0), context.input(1)}, context.node().attrs));
  return absl::OkStatus();
}

// dy = TakeLabel(dx, labels)
absl::Status PutLabelGradient(GradientContext& context) {
  context.Set(0, context.Call("TakeLabel", {context.dy(0), context.input(1)}, context.node().attrs));
  return absl::OkStatus();
}

REGISTER_OP(TakeLabel).Inputs(2).Types(TakeLabelTypes).Gradient(TakeLabelGradient);
REGISTER_OP(PutLabel).Inputs(2).Types(PutLabelTypes).Gradient(PutLabelGradient);

}  // namespace
}  // namespace gradus
