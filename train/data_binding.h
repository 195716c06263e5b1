// Which column of a data set feeds which input of a model: by name, unless a `feed` of the training file says
// otherwise.
#ifndef GRADUS_TRAIN_DATA_BINDING_H_
#define GRADUS_TRAIN_DATA_BINDING_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "graph/plan.h"
#include "train/feed.h"
#include "train/training_file.h"

namespace gradus {

class DataBinding {
 public:
  // Binds every input of the model to a column. An input without a column, and one whose type per example differs from
  // its column's, are errors that name both with their places; `stream` is the field of the training file
  // ("eval_data").
  static absl::StatusOr<DataBinding> Make(const TrainingFile& file, const std::string& stream,
                                          absl::Span<const Column> columns);

  // The shape of one example of each input's column: what binds free dimensions.
  const absl::flat_hash_map<std::string, Shape>& input_dims() const { return input_dims_; }

  // The feeds of a batch. The span is good until the next call.
  absl::Span<const InputFeed> Feeds(const Batch& batch);

 private:
  struct Bound {
    std::string input;
    int column;
  };
  std::vector<Bound> bound_;
  std::vector<InputFeed> feeds_;
  absl::flat_hash_map<std::string, Shape> input_dims_;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_DATA_BINDING_H_
