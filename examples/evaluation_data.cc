#include "examples/evaluation_data.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "data/stream.h"
#include "examples/command_line.h"
#include "train/training_file.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Loader>> OpenEvaluationData(const TrainedModel& trained, const std::string& data_dir,
                                                           int64_t batch_size) {
  const Training& training = trained.file.training;
  LoaderOptions options;
  options.batch_size = batch_size;
  if (options.batch_size == 0) {
    options.batch_size = training.has_eval_batch_size() ? training.eval_batch_size() : training.batch_size();
  }
  options.seed = training.seed();
  options.remainder = Remainder::kPad;
  options.threads = LoaderThreads(training);
  const DatasetContext context{UserPath(data_dir.empty() ? "." : data_dir), trained.class_names};
  absl::StatusOr<ExampleSource> source = OpenStream(trained.evaluation, context, TransformMode::kEvaluate);
  absl::Status status = source.status();
  if (source.ok()) {
    absl::StatusOr<std::unique_ptr<Loader>> loader = Loader::Make(*std::move(source), options);
    if (loader.ok()) return loader;
    status = loader.status();
  }
  return absl::Status(status.code(),
                      absl::StrCat(trained.data_field, " of '", trained.checkpoint.folder(), "': ", status.message()));
}

}  // namespace gradus
