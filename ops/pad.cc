#include "ops/pad.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/axis.h"
#include "ops/slice.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> PadTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<PadAttrs>();
  const TensorType& x = context.input(0);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  const size_t rank = x.shape.rank();
  if (attrs.before.size() != rank || attrs.after.size() != rank) {
    return TypeError(absl::StrCat(attrs.before.size(), " dimensions"), x.ToString());
  }
  Dims dims = x.shape.dims();
  for (size_t i = 0; i < rank; ++i) {
    if (attrs.before[i] < 0 || attrs.after[i] < 0) {
      return TypeError("padding of 0 or more", absl::StrCat("[", absl::StrJoin(attrs.before, ", "), "] and [",
                                                            absl::StrJoin(attrs.after, ", "), "]"));
    }
    GRADUS_ASSIGN_OR_RETURN(dims[i], CheckedAdd(dims[i], attrs.before[i]));
    GRADUS_ASSIGN_OR_RETURN(dims[i], CheckedAdd(dims[i], attrs.after[i]));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, y}};
}

// dx = dy without the margin
absl::Status PadGradient(GradientContext& context) {
  const auto& attrs = context.attrs<PadAttrs>();
  SliceAttrs inner{attrs.before, context.shape(context.input(0)).dims()};
  for (size_t i = 0; i < inner.end.size(); ++i) inner.end[i] += attrs.before[i];
  context.Set(0, context.Call("Slice", {context.dy(0)}, inner));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerPad(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Pad>();
  const TensorType x = context.type(context.input(0));
  if (config.axis_size() == 0) return context.Error("", "needs an axis");
  PadAttrs attrs{Dims(x.shape.rank(), 0), Dims(x.shape.rank(), 0), config.value()};
  std::vector<bool> padded(x.shape.rank(), false);
  // The values of `before` or `after`: none, or one for each axis.
  const auto check = [&](absl::string_view field, const google::protobuf::RepeatedField<int64_t>& values) {
    if (!values.empty() && values.size() != config.axis_size()) {
      return context.Error(
          field, absl::StrCat("expected none or one for each of ", config.axis_size(), " axes; got ", values.size()));
    }
    for (int i = 0; i < values.size(); ++i) {
      if (values[i] < 0)
        return context.Error(absl::StrCat(field, "[", i, "]"), absl::StrCat(values[i], " is negative"));
    }
    return absl::OkStatus();
  };
  GRADUS_RETURN_IF_ERROR(check("before", config.before()));
  GRADUS_RETURN_IF_ERROR(check("after", config.after()));
  for (int i = 0; i < config.axis_size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, absl::StrCat("axis[", i, "]"), config.axis(i), x));
    if (padded[axis]) {
      return context.Error(absl::StrCat("axis[", i, "]"), absl::StrCat("axis ", axis, " is padded already"));
    }
    padded[axis] = true;
    if (i < config.before_size()) attrs.before[axis] = config.before(i);
    if (i < config.after_size()) attrs.after[axis] = config.after(i);
  }
  return context.Call("Pad", {context.input(0)}, attrs);
}

REGISTER_OP(Pad).Inputs(1).Types(PadTypes).Gradient(PadGradient);
REGISTER_LAYER(Pad, "gradus.Pad", LowerPad);

}  // namespace
}  // namespace gradus
