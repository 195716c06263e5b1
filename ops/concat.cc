#include "ops/concat.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/axis.h"
#include "ops/slice.h"
#include "ops/type_checks.h"
#include "proto/model.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> ConcatTypes(const TypeContext& context) {
  const int64_t axis = context.attrs.as<ConcatAttrs>().axis;
  const Shape& first = context.shape(0);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  if (axis < 0 || axis >= first.rank()) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", axis, " is outside ", context.input(0).ToString()));
  }
  Dims dims = first.dims();
  dims[axis] = 0;
  for (const TensorType& input : context.inputs) {
    bool same = input.shape.rank() == first.rank();
    for (int i = 0; same && i < first.rank(); ++i) same = i == axis || input.shape[i] == first[i];
    if (!same) {
      return TypeError(absl::StrCat("shapes that differ along axis ", axis, " alone, like ", first.ToString()),
                       input.shape.ToString());
    }
    GRADUS_ASSIGN_OR_RETURN(dims[axis], CheckedAdd(dims[axis], input.shape[static_cast<int>(axis)]));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, y}};
}

// dx_i = its part of dy
absl::Status ConcatGradient(GradientContext& context) {
  const int64_t axis = context.attrs<ConcatAttrs>().axis;
  int64_t offset = 0;
  for (int i = 0; i < context.num_inputs(); ++i) {
    const Shape x = context.shape(context.input(i));
    SliceAttrs part{Dims(x.rank(), 0), x.dims()};
    part.begin[axis] = offset;
    part.end[axis] += offset;
    offset = part.end[axis];
    if (context.wants(i)) context.Set(i, context.Call("Slice", {context.dy(0)}, part));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerConcat(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, kAnyNumber));
  const TensorType x = context.type(context.input(0));
  GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, "axis", context.config<Concat>().axis(), x));
  std::vector<Value> inputs;
  for (int i = 0; i < context.num_inputs(); ++i) inputs.push_back(context.input(i));
  return context.Call("Concat", std::move(inputs), ConcatAttrs{axis});
}

REGISTER_OP(Concat)
    .Inputs(1, kAnyNumber)
    .Types(ConcatTypes)
    .Gradient(ConcatGradient)
    .IsCopy("kernels make dense tensors; into a part of a wider one oneDNN writes by plain loops only");
REGISTER_LAYER(Concat, "gradus.Concat", LowerConcat);

}  // namespace
}  // namespace gradus
