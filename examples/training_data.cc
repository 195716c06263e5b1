#include "examples/training_data.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "data/stream.h"
#include "examples/command_line.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Loader>> OpenTrainingData(const TrainingFile& file, absl::string_view data_dir,
                                                         int64_t batch_size) {
  const Training& training = file.training;
  const DatasetContext context{UserPath(data_dir.empty() ? "." : data_dir), {}};
  LoaderOptions options;
  options.batch_size = batch_size;
  options.shuffle = training.train_data().has_shuffle() ? training.train_data().shuffle() : true;
  options.seed = training.seed();
  absl::StatusOr<ExampleSource> source = OpenStream(training.train_data(), context, TransformMode::kTrain);
  absl::Status status = source.status();
  if (source.ok()) {
    absl::StatusOr<std::unique_ptr<Loader>> loader = Loader::Make(*std::move(source), options);
    if (loader.ok()) return loader;
    status = loader.status();
  }
  return absl::Status(status.code(),
                      absl::StrCat(file.source.Lookup("train_data").ToString(), ": train_data: ", status.message()));
}

}  // namespace gradus
