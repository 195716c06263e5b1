// The training data of a training file, for programs that look at them. Thread-safe.
#ifndef GRADUS_EXAMPLES_TRAINING_DATA_H_
#define GRADUS_EXAMPLES_TRAINING_DATA_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/loader.h"
#include "train/training_file.h"

namespace gradus {

// In the order and with the augmentation of training, read in the caller's thread. Relative paths of data sets start
// from `data_dir` (empty: the current folder). Errors cite the training file.
absl::StatusOr<std::unique_ptr<Loader>> OpenTrainingData(const TrainingFile& file, absl::string_view data_dir,
                                                         int64_t batch_size);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_TRAINING_DATA_H_
