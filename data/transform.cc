#include "data/transform.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/registry.h"

namespace gradus {

bool RegisterTransform(absl::string_view message_name, TransformFactory factory) {
  return Registry<TransformFactory>::Get().Add(message_name, factory);
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeTransform(const google::protobuf::Message& config,
                                                                const TensorType& input, TransformMode mode) {
  const std::string& name = config.GetDescriptor()->full_name();
  const TransformFactory* factory = Registry<TransformFactory>::Get().Find(name);
  if (factory != nullptr) return (*factory)(config, input, mode);
  return absl::NotFoundError(absl::StrCat("no transform is registered for '", name, "'",
                                          Suggestion(name, Registry<TransformFactory>::Get().Names()),
                                          " (is its library linked in, with alwayslink = 1?)"));
}

}  // namespace gradus
