#include "data/transform.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/registry.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

using ExampleTransforms = Registry<TransformFactory>;
using GeometricTransforms = Registry<GeometricTransformFactory>;

absl::StatusOr<MadeTransform> MakeExampleTransform(TransformFactory factory, const google::protobuf::Message& config,
                                                   const ImageInput& input, TransformMode mode) {
  if (input.any_size) {
    return absl::InvalidArgumentError(
        "takes images of one size, but these differ; put it after a transform that makes them equal, such as "
        "random_resized_crop { height: 224 width: 224 }");
  }
  MadeTransform made;
  GRADUS_ASSIGN_OR_RETURN(made.example, factory(config, input.type, mode));
  return made;
}

absl::StatusOr<MadeTransform> MakeGeometricTransform(GeometricTransformFactory factory,
                                                     const google::protobuf::Message& config, const ImageInput& input,
                                                     TransformMode mode) {
  if (input.type.shape.rank() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("takes images [..., H, W], not ", input.ToString()));
  }
  MadeTransform made;
  GRADUS_ASSIGN_OR_RETURN(made.geometric, factory(config, input, mode));
  if (made.geometric != nullptr && made.geometric->resizes() &&
      (input.type.dtype != DType::kFloat32 || (!input.any_size && input.type.shape.num_elements() == 0))) {
    return absl::InvalidArgumentError(absl::StrCat("resizes f32 images with pixels, not ", input.ToString()));
  }
  return made;
}

}  // namespace

std::string ImageInput::ToString() const { return any_size ? "images of any size" : type.ToString(); }

bool RegisterTransform(absl::string_view message_name, TransformFactory factory) {
  return ExampleTransforms::Get().Add(message_name, factory);
}

bool RegisterGeometricTransform(absl::string_view message_name, GeometricTransformFactory factory) {
  return GeometricTransforms::Get().Add(message_name, factory);
}

absl::StatusOr<MadeTransform> MakeTransform(const google::protobuf::Message& config, const ImageInput& input,
                                            TransformMode mode) {
  const std::string& name = config.GetDescriptor()->full_name();
  if (const TransformFactory* factory = ExampleTransforms::Get().Find(name)) {
    return MakeExampleTransform(*factory, config, input, mode);
  }
  if (const GeometricTransformFactory* factory = GeometricTransforms::Get().Find(name)) {
    return MakeGeometricTransform(*factory, config, input, mode);
  }
  std::vector<std::string> names = ExampleTransforms::Get().Names();
  for (const std::string& geometric : GeometricTransforms::Get().Names()) names.push_back(geometric);
  return absl::NotFoundError(absl::StrCat("no transform is registered for '", name, "'", Suggestion(name, names),
                                          " (is its library linked in, with alwayslink = 1?)"));
}

}  // namespace gradus
