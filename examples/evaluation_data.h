// The data that a checkpoint was evaluated on, prepared in the same way.
#ifndef GRADUS_EXAMPLES_EVALUATION_DATA_H_
#define GRADUS_EXAMPLES_EVALUATION_DATA_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/loader.h"
#include "examples/trained_model.h"

namespace gradus {

// Every example once in the order of the data set, the last batch padded. `data_dir`: what relative paths of data sets
// start from, as a user gives it; empty: the current folder. `batch_size`: 0 for what the training file says.
absl::StatusOr<std::unique_ptr<Loader>> OpenEvaluationData(const TrainedModel& trained, const std::string& data_dir,
                                                           int64_t batch_size);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_EVALUATION_DATA_H_
