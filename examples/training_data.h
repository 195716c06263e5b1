// A training file and its data, for programs that look at them. Thread-safe.
#ifndef GRADUS_EXAMPLES_TRAINING_DATA_H_
#define GRADUS_EXAMPLES_TRAINING_DATA_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/loader.h"
#include "train/training_file.h"

namespace gradus {

// Loads a training file, or of one with stages the stage `stage`, with its model. Errors: a file with stages and no
// `stage` (with their names), and a `stage` that is not there. `set`: overrides, as of --set.
absl::StatusOr<TrainingFile> LoadTraining(absl::string_view config, const std::vector<std::string>& set,
                                          const std::string& stage);

// In the order and with the augmentation of training, read in the caller's thread. Relative paths of data sets start
// from `data_dir` (empty: the current folder). Errors cite the training file.
absl::StatusOr<std::unique_ptr<Loader>> OpenTrainingData(const TrainingFile& file, absl::string_view data_dir,
                                                         int64_t batch_size);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_TRAINING_DATA_H_
