#include "ops/reshape.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> ReshapeTypes(const TypeContext& context) {
  const Shape& shape = context.attrs.as<ReshapeAttrs>().shape;
  const TensorType& x = context.input(0);
  if (x.dtype == DType::kOpaque || x.shape.num_elements() != shape.num_elements()) {
    return TypeError(absl::StrCat(shape.num_elements(), " elements for ", shape.ToString()), x.ToString());
  }
  return std::vector<TensorType>{{x.dtype, shape}};
}

// dx = dy under x's shape
absl::Status ReshapeGradient(GradientContext& context) {
  context.Set(0, ReshapeTo(context, context.dy(0), context.shape(context.input(0))));
  return absl::OkStatus();
}

// x itself, or a Reshape node.
absl::StatusOr<Value> AddReshape(LayerContext& context, Value x, Shape shape) {
  if (context.shape(x) == shape) return x;
  return context.Call("Reshape", {x}, ReshapeAttrs{std::move(shape)});
}

// What a dimension of -1 stands for: the elements of an example divided by the product of the other dimensions.
absl::StatusOr<int64_t> RestOf(const LayerContext& context, const Dims& dims, int unknown, int64_t elements) {
  int64_t others = 1;
  for (size_t axis = 1; axis < dims.size(); ++axis) {
    if (static_cast<int>(axis) == unknown) continue;
    absl::StatusOr<int64_t> product = CheckedMultiply(others, dims[axis]);
    if (!product.ok()) return context.Error("dims", product.status().message());
    others = *product;
  }
  if (others == 0 || elements % others != 0) {
    return context.Error(absl::StrCat("dims[", unknown - 1, "]"),
                         absl::StrCat("nothing fits: ", elements, " elements an example do not divide by ", others));
  }
  return elements / others;
}

absl::StatusOr<Value> LowerReshape(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Reshape>();
  const Shape x = context.shape(context.input(0));
  if (x.rank() == 0) return context.Error("", "a scalar has no batch to keep");
  Dims dims = {x[0]};
  int unknown = -1;  // the axis that was written as -1
  for (int i = 0; i < config.dims_size(); ++i) {
    const std::string field = absl::StrCat("dims[", i, "]");
    if (config.dims(i) < -1) return context.Error(field, absl::StrCat("a dimension of ", config.dims(i)));
    if (config.dims(i) == -1) {
      if (unknown >= 0) return context.Error(field, "a second dimension of -1");
      unknown = i + 1;
    }
    dims.push_back(config.dims(i));
  }
  if (unknown >= 0) {
    GRADUS_ASSIGN_OR_RETURN(dims[unknown], RestOf(context, dims, unknown, x.ElementsBetween(1, x.rank())));
  }
  absl::StatusOr<Shape> shape = Shape::Make(dims);
  if (!shape.ok()) return context.Error("dims", shape.status().message());
  if (shape->ElementsBetween(1, shape->rank()) != x.ElementsBetween(1, x.rank())) {
    return context.Error("dims", absl::StrCat(x.ToString(), " does not fit into ", shape->ToString()));
  }
  return AddReshape(context, context.input(0), *std::move(shape));
}

absl::StatusOr<Value> LowerFlatten(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const Shape& x = context.shape(context.input(0));
  if (x.rank() == 0) return context.Error("", "a scalar has no batch to keep");
  return AddReshape(context, context.input(0), Shape({x[0], x.ElementsBetween(1, x.rank())}));
}

REGISTER_OP(Reshape).Inputs(1).Types(ReshapeTypes).Gradient(ReshapeGradient).View(0, 0);
REGISTER_LAYER(Reshape, "gradus.Reshape", LowerReshape);
REGISTER_LAYER(Flatten, "gradus.Flatten", LowerFlatten);

}  // namespace
}  // namespace gradus
