// The examples that a checkpoint is evaluated on.
#ifndef GRADUS_EXAMPLES_EVALUATION_DATA_H_
#define GRADUS_EXAMPLES_EVALUATION_DATA_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/dtype.h"
#include "data/loader.h"
#include "examples/trained_model.h"

namespace gradus {

// Every example exactly once, prepared as for evaluation. `data_dir`: as the user gave it; `batch_size`: 0 is that of
// the training file. Errors name the data's field of the training file.
absl::StatusOr<std::unique_ptr<Loader>> OpenEvaluationData(const TrainedModel& trained, absl::string_view data_dir,
                                                           int64_t batch_size);

// The number of a column of f32 or i32 values of these dimensions, of which -1 may be any. FailedPrecondition when the
// data have none, with what they have by that name; `remedy` ends it: "visualize needs images".
absl::StatusOr<int> FindColumn(const TrainedModel& trained, const Loader& loader, absl::string_view name, DType dtype,
                               absl::Span<const int64_t> dims, absl::string_view remedy);

// Tells the examples of a batch that were left out on stderr.
void TellSkipped(const Batch& batch);

// Calls `use` for each batch of an epoch. Examples that were left out are told on stderr; an error of `use` gets the
// batch's place.
absl::Status ForEachBatch(const TrainedModel& trained, Loader* loader,
                          absl::FunctionRef<absl::Status(const Batch& batch)> use);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_EVALUATION_DATA_H_
