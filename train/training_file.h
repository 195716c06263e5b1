// The training file and the model that it names, read and checked.
#ifndef GRADUS_TRAIN_TRAINING_FILE_H_
#define GRADUS_TRAIN_TRAINING_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/source_map.h"
#include "graph/load_model.h"
#include "proto/train.pb.h"

namespace gradus {

struct TrainingFile {
  Training training;  // of a stage: with what the file says for all stages
  SourceMap source;
  std::string path;
  std::shared_ptr<const std::string> text;  // as read; overrides are not in it
  LoadedModel model;                        // where there are stages, the last one's
  std::string stage;                        // its name, when this is a stage of several
  std::vector<TrainingFile> stages;         // in their order, each with its model; empty when the training is one
};

// Reads a training file, applies overrides ("path.to.field=value", one for each --set), checks every number, then reads
// the model, which must have a loss. All mistakes that can be seen at once are reported at once.
absl::StatusOr<TrainingFile> LoadTrainingFile(const std::string& path, absl::Span<const std::string> overrides);

// The same for texts in memory, with one model for all stages; `name` and `model_name` are what places show.
absl::StatusOr<TrainingFile> LoadTrainingText(absl::string_view text, const std::string& name,
                                              absl::string_view model_text, const std::string& model_name,
                                              absl::Span<const std::string> overrides);

// Threads that load data: what the training says, or else half of the cores that this process may use, between 1 and 8.
int LoaderThreads(const Training& training);

}  // namespace gradus

#endif  // GRADUS_TRAIN_TRAINING_FILE_H_
