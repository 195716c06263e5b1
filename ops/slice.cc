#include "ops/slice.h"

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
#include "ops/pad.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> SliceTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<SliceAttrs>();
  const TensorType& x = context.input(0);
  GRADUS_RETURN_IF_ERROR(CheckFloat(context));
  const size_t rank = x.shape.rank();
  bool inside = attrs.begin.size() == rank && attrs.end.size() == rank;
  Dims dims;
  for (size_t i = 0; inside && i < rank; ++i) {
    inside = 0 <= attrs.begin[i] && attrs.begin[i] <= attrs.end[i] && attrs.end[i] <= x.shape[static_cast<int>(i)];
    dims.push_back(attrs.end[i] - attrs.begin[i]);
  }
  if (!inside) {
    return TypeError(absl::StrCat("a tensor around [", absl::StrJoin(attrs.begin, ", "), "] to [",
                                  absl::StrJoin(attrs.end, ", "), "]"),
                     x.ToString());
  }
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, y}};
}

// dx = dy with zeros around
absl::Status SliceGradient(GradientContext& context) {
  const auto& attrs = context.attrs<SliceAttrs>();
  PadAttrs pad{attrs.begin, context.shape(context.input(0)).dims(), 0};
  for (size_t i = 0; i < pad.after.size(); ++i) pad.after[i] -= attrs.end[i];
  context.Set(0, context.Call("Pad", {context.dy(0)}, pad));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerSlice(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Slice>();
  const TensorType x = context.type(context.input(0));
  if (config.axis_size() == 0) return context.Error("", "needs an axis");
  if (config.begin_size() != config.axis_size()) {
    return context.Error(
        "begin", absl::StrCat("expected one for each of ", config.axis_size(), " axes; got ", config.begin_size()));
  }
  if (config.end_size() != 0 && config.end_size() != config.axis_size()) {
    return context.Error(
        "end", absl::StrCat("expected none or one for each of ", config.axis_size(), " axes; got ", config.end_size()));
  }
  SliceAttrs attrs{Dims(x.shape.rank(), 0), x.shape.dims()};
  std::vector<bool> cut(x.shape.rank(), false);
  for (int i = 0; i < config.axis_size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(const int axis, ResolveAxis(context, absl::StrCat("axis[", i, "]"), config.axis(i), x));
    if (cut[axis]) return context.Error(absl::StrCat("axis[", i, "]"), absl::StrCat("axis ", axis, " is cut already"));
    cut[axis] = true;
    const int64_t size = x.shape[axis];
    const auto from_begin = [size](int64_t index) { return index < 0 ? index + size : index; };
    attrs.begin[axis] = from_begin(config.begin(i));
    if (config.end_size() > 0) attrs.end[axis] = from_begin(config.end(i));
    if (attrs.begin[axis] < 0 || attrs.begin[axis] > size) {
      return context.Error(absl::StrCat("begin[", i, "]"),
                           absl::StrCat(config.begin(i), " is outside axis ", axis, " of ", x.ToString()));
    }
    if (attrs.end[axis] < attrs.begin[axis] || attrs.end[axis] > size) {
      return context.Error(absl::StrCat("end[", i, "]"),
                           absl::StrCat(config.end(i), " is outside axis ", axis, " of ", x.ToString(), " from ",
                                        attrs.begin[axis], " on"));
    }
  }
  return context.Call("Slice", {context.input(0)}, attrs);
}

REGISTER_OP(Slice)
    .Inputs(1)
    .Types(SliceTypes)
    .Gradient(SliceGradient)
    .IsCopy("kernels take dense tensors; a part of a wider one oneDNN reads by plain loops only");

REGISTER_LAYER(Slice, "gradus.Slice", LowerSlice);

}  // namespace
}  // namespace gradus
