// Finds the data set of a config message. Data sets are registered by the full name of their config message, members of
// DataStream's oneof and extensions alike, so a data set of somebody else's repository edits nothing here:
//
//   absl::StatusOr<std::unique_ptr<Dataset>> OpenVoc(const google::protobuf::Message& config,
//                                                    const DatasetContext& context);
//   REGISTER_DATASET(acme::Voc::descriptor()->full_name(), OpenVoc);  // "acme.Voc", and surely linked in
//
// Registration is for the life of the process and happens in static initialisation (its library needs alwayslink = 1);
// finding is thread-safe.
#ifndef GRADUS_DATA_DATASET_REGISTRY_H_
#define GRADUS_DATA_DATASET_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/dataset.h"
#include "google/protobuf/message.h"

namespace gradus {

struct DatasetContext {
  std::string data_dir;  // where the relative paths of a config start, for JoinPath; empty: the current folder
  // Of the training data, in the order of their labels; empty: none, or not known.
  std::vector<std::string> class_names = {};
};

// Opens the data set of `config`, which has the message type that the factory is registered for.
using DatasetFactory = absl::StatusOr<std::unique_ptr<Dataset>> (*)(const google::protobuf::Message& config,
                                                                    const DatasetContext& context);

// A second registration of a name is a bug. Not thread-safe: static initialisation only.
bool RegisterDataset(absl::string_view message_name, DatasetFactory factory);

// Opens the data set of `config` by its message's name.
absl::StatusOr<std::unique_ptr<Dataset>> OpenDataset(const google::protobuf::Message& config,
                                                     const DatasetContext& context);

}  // namespace gradus

#define REGISTER_DATASET(message_name, factory) \
  [[maybe_unused]] static const bool gradus_dataset_##factory = ::gradus::RegisterDataset(message_name, factory)

#endif  // GRADUS_DATA_DATASET_REGISTRY_H_
