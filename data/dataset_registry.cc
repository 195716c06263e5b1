#include "data/dataset_registry.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/registry.h"

namespace gradus {

bool RegisterDataset(absl::string_view message_name, DatasetFactory factory) {
  return Registry<DatasetFactory>::Get().Add(message_name, factory);
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const google::protobuf::Message& config,
                                                     const DatasetContext& context) {
  const std::string& name = config.GetDescriptor()->full_name();
  const DatasetFactory* factory = Registry<DatasetFactory>::Get().Find(name);
  if (factory != nullptr) return (*factory)(config, context);
  return absl::NotFoundError(absl::StrCat("no data set is registered for '", name, "'",
                                          Suggestion(name, Registry<DatasetFactory>::Get().Names()),
                                          " (is its library linked in, with alwayslink = 1?)"));
}

}  // namespace gradus
