#include "ops/resample.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "ops/type_checks.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostPositions = int64_t{1} << 31;  // of a dimension: positions are products of two of them

// f32[N, C, from...] as f32[N, C, to...].
absl::StatusOr<std::vector<TensorType>> ResizedTypes(const TypeContext& context, const Dims& from, const Dims& to) {
  const TensorType& x = context.input(0);
  const int rank = static_cast<int>(from.size());
  if (rank < 1 || rank > 3 || to.size() != from.size()) {
    return TypeError("1 to 3 spatial dimensions", absl::StrCat(rank, " and ", to.size()));
  }
  for (int d = 0; d < rank; ++d) {
    for (int64_t size : {from[d], to[d]}) {
      if (size < 1 || size >= kMostPositions) return TypeError("sizes in [1, 2147483648)", absl::StrCat(size));
    }
  }
  bool fits = x.dtype == DType::kFloat32 && x.shape.rank() == rank + 2;
  for (int d = 0; fits && d < rank; ++d) fits = x.shape[2 + d] == from[d];
  if (!fits) return TypeError(absl::StrCat("f32[N, C, ...] of the attributes' sizes"), x.ToString());
  Dims dims = {x.shape[0], x.shape[1]};
  dims.insert(dims.end(), to.begin(), to.end());
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return std::vector<TensorType>{{DType::kFloat32, std::move(shape)}};
}

absl::StatusOr<std::vector<TensorType>> ResampleTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ResampleAttrs>();
  return ResizedTypes(context, attrs.input, attrs.output);
}

absl::StatusOr<std::vector<TensorType>> ResampleBackwardTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<ResampleAttrs>();
  return ResizedTypes(context, attrs.output, attrs.input);
}

// dx = ResampleBackward(dy)
absl::Status ResampleGradient(GradientContext& context) {
  context.Set(0, context.Call("ResampleBackward", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// ddy = Resample(ddx)
absl::Status ResampleBackwardGradient(GradientContext& context) {
  context.Set(0, context.Call("Resample", {context.dy(0)}, context.node().attrs));
  return absl::OkStatus();
}

// What the layer says of dimension d, of one value for all or one for each.
template <typename Field>
auto ValueOf(const Field& field, int d) {
  return field.Get(field.size() == 1 ? 0 : d);
}

absl::StatusOr<Value> LowerResample(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& config = context.config<Resample>();
  const TensorType x = context.type(context.input(0));
  const int rank = x.shape.rank() - 2;
  if (x.dtype != DType::kFloat32 || rank < 1 || rank > 3) {
    return context.Error(
        "", absl::StrCat("expected f32[N, C, spatial...] with 1 to 3 spatial dimensions; got ", x.ToString()));
  }
  const bool by_size = config.size_size() > 0;
  if (by_size == (config.scale_size() > 0)) {
    return context.Error("", by_size ? "size and scale exclude each other" : "needs a size or a scale");
  }
  const char* const field = by_size ? "size" : "scale";
  const int given = by_size ? config.size_size() : config.scale_size();
  if (given != 1 && given != rank) {
    return context.Error(field, absl::StrCat(field, " has ", given, " values; expected 1 or ", rank));
  }
  ResampleAttrs attrs{config.method() == Resample::BILINEAR, {}, {}};
  for (int d = 0; d < rank; ++d) {
    const int64_t in = x.shape[2 + d];
    const double wanted = by_size ? static_cast<double>(ValueOf(config.size(), d))
                                  : std::floor(static_cast<double>(in) * ValueOf(config.scale(), d) * (1 + 1e-12));
    if (!(wanted >= 1 && wanted < static_cast<double>(kMostPositions))) {
      return context.Error(field, absl::StrCat("the new size of spatial dimension ", d, " would be ", wanted,
                                               "; expected a value in [1, ", kMostPositions, ")"));
    }
    attrs.input.push_back(in);
    attrs.output.push_back(static_cast<int64_t>(wanted));
  }
  if (attrs.input == attrs.output) return context.input(0);
  return context.Call("Resample", {context.input(0)}, attrs);
}

REGISTER_OP(Resample).Inputs(1).Types(ResampleTypes).Gradient(ResampleGradient);
REGISTER_OP(ResampleBackward).Inputs(1).Types(ResampleBackwardTypes).Gradient(ResampleBackwardGradient);
REGISTER_LAYER(Resample, "gradus.Resample", LowerResample);

}  // namespace
}  // namespace gradus
