#include "ops/in_top_k.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<TensorType>> InTopKTypes(const TypeContext& context) {
  const TensorType &logits = context.input(0), &labels = context.input(1);
  if (logits.dtype != DType::kFloat32 || logits.shape.rank() == 0) {
    return TypeError("logits f32[..., classes]", logits.ToString());
  }
  const Dims dims(logits.shape.dims().begin(), logits.shape.dims().end() - 1);
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  const TensorType expected = {DType::kInt32, shape};
  if (labels != expected) {
    return TypeError(absl::StrCat("labels ", expected.ToString(), " for logits ", logits.ToString()),
                     labels.ToString());
  }
  return std::vector<TensorType>{{DType::kFloat32, shape}};
}

absl::StatusOr<Value> LowerAccuracy(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(true));
  const int64_t k = context.config<Accuracy>().k();
  if (k < 1) return context.Error("k", absl::StrCat("k is ", k, "; it must be at least 1"));
  const Shape& logits = context.shape(context.input(0));
  if (logits.rank() > 0 && k > logits[logits.rank() - 1]) {
    return context.Error("k", absl::StrCat("k is ", k, ", but there are ", logits[logits.rank() - 1],
                                           " classes: every example would count as right"));
  }
  return context.Call("InTopK", {context.input(0), context.target()}, TopKAttrs{k});
}

}  // namespace

REGISTER_OP(InTopK).Inputs(2).Types(InTopKTypes).NoGradient("counts");

REGISTER_METRIC(
    Accuracy, "gradus.Accuracy", LowerAccuracy, [] { return std::make_unique<MeanAccumulator>(); },
    /*larger_is_better=*/true);

}  // namespace gradus
