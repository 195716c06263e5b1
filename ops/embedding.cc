#include "ops/embedding.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

absl::Status CheckIds(const TensorType& ids) {
  if (ids.dtype == DType::kInt32 && ids.shape.rank() >= 1) return absl::OkStatus();
  return TypeError("ids i32[N, ...]", ids.ToString());
}

absl::StatusOr<std::vector<TensorType>> EmbeddingTypes(const TypeContext& context) {
  const TensorType &ids = context.input(0), &table = context.input(1);
  GRADUS_RETURN_IF_ERROR(CheckIds(ids));
  if (table.dtype != DType::kFloat32 || table.shape.rank() != 2 || table.shape.num_elements() == 0) {
    return TypeError("a table f32[size, units]", table.ToString());
  }
  Dims dims(ids.shape.dims().begin(), ids.shape.dims().end());
  dims.push_back(table.shape[1]);
  GRADUS_ASSIGN_OR_RETURN(Shape y, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, std::move(y)}};
}

absl::StatusOr<std::vector<TensorType>> EmbeddingBackwardTypes(const TypeContext& context) {
  const TensorType &ids = context.input(0), &dy = context.input(1);
  GRADUS_RETURN_IF_ERROR(CheckIds(ids));
  const int rank = ids.shape.rank();
  bool fits = dy.dtype == DType::kFloat32 && dy.shape.rank() == rank + 1 && dy.shape[rank] > 0;
  for (int axis = 0; fits && axis < rank; ++axis) fits = dy.shape[axis] == ids.shape[axis];
  if (!fits) return TypeError(absl::StrCat("dy f32[..., units] for ids of ", ids.ToString()), dy.ToString());
  const int64_t size = context.attrs.as<EmbeddingBackwardAttrs>().size;
  if (size < 1) return TypeError("a size of 1 or more", absl::StrCat(size));
  GRADUS_ASSIGN_OR_RETURN(Shape table, Shape::Make({size, dy.shape[rank]}));
  return std::vector<TensorType>{{DType::kFloat32, std::move(table)}};
}

// dtable[i] = sum of dy where ids is i.
absl::Status EmbeddingGradient(GradientContext& context) {
  if (!context.wants(1)) return absl::OkStatus();
  context.Set(1, context.Call("EmbeddingBackward", {context.input(0), context.dy(0)},
                              EmbeddingBackwardAttrs{context.shape(context.input(1))[0]}));
  return absl::OkStatus();
}

// Linear in dy: the gradient g of dtable comes back as its rows.
absl::Status EmbeddingBackwardGradient(GradientContext& context) {
  if (context.wants(1)) context.Set(1, context.Call("Embedding", {context.input(0), context.dy(0)}, EmbeddingAttrs{}));
  return absl::OkStatus();
}

absl::StatusOr<Value> LowerEmbedding(LayerContext& context) {
  const auto& config = context.config<Embedding>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const TensorType& ids = context.type(context.input(0));
  if (const absl::Status status = CheckIds(ids); !status.ok()) return context.Error("", status.message());
  if (!config.has_size()) return context.Error("", "has no size: how many things there are to choose from");
  if (!config.has_units()) return context.Error("", "has no units: the length of the vectors");
  for (const auto& [field, value] : {std::pair("size", config.size()), std::pair("units", config.units())}) {
    if (value < 1) return context.Error(field, absl::StrCat(field, " is ", value, "; expected 1 or more"));
  }
  const absl::StatusOr<Shape> table = Shape::Make({config.size(), config.units()});
  if (!table.ok()) return context.Error("size", table.status().message());
  GRADUS_ASSIGN_OR_RETURN(const Value weights,
                          context.Parameter("weights", *table, &config.weights_init(), "normal { stddev: 1 }",
                                            static_cast<double>(config.size()), static_cast<double>(config.units())));
  return context.Call("Embedding", {context.input(0), weights}, EmbeddingAttrs{});
}

REGISTER_OP(Embedding).Inputs(2).Types(EmbeddingTypes).Gradient(EmbeddingGradient);
REGISTER_OP(EmbeddingBackward).Inputs(2).Types(EmbeddingBackwardTypes).Gradient(EmbeddingBackwardGradient);
REGISTER_LAYER(Embedding, "gradus.Embedding", LowerEmbedding);

}  // namespace
}  // namespace gradus
