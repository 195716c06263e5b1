#include "examples/training_data.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "data/stream.h"
#include "examples/command_line.h"

namespace gradus {

absl::StatusOr<TrainingFile> LoadTraining(absl::string_view config, const std::vector<std::string>& set,
                                          const std::string& stage) {
  GRADUS_ASSIGN_OR_RETURN(TrainingFile file, LoadTrainingFile(UserPath(config), set));
  if (stage.empty() && file.stages.empty()) return file;
  if (file.stages.empty()) {
    return WrongFlags(absl::StrCat("--stage=", stage, ", but '", config, "' has no stages"));
  }
  std::vector<std::string> names;
  for (TrainingFile& own : file.stages) {
    if (own.stage == stage) return std::move(own);
    names.push_back(own.stage);
  }
  if (!stage.empty()) return WrongFlags(absl::StrCat("there is no stage '", stage, "'", Suggestion(stage, names)));
  return WrongFlags(absl::StrCat("'", config, "' has stages; --stage says which: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::unique_ptr<Loader>> OpenTrainingData(const TrainingFile& file, absl::string_view data_dir,
                                                         int64_t batch_size) {
  const Training& training = file.training;
  const DatasetContext context{UserPath(data_dir.empty() ? "." : data_dir), {}};
  absl::StatusOr<ExampleSource> source = OpenStream(training.train_data(), context, TransformMode::kTrain);
  absl::Status status = source.status();
  if (source.ok()) {
    LoaderOptions options;  // as of Trainer
    options.batch_size = batch_size;
    const bool streams = source->dataset().streams() > 0;
    options.shuffle = training.train_data().has_shuffle() ? training.train_data().shuffle() : !streams;
    options.seed = training.seed();
    options.remainder = training.remainder() == Training::WRAP ? Remainder::kWrap : Remainder::kDrop;
    absl::StatusOr<std::unique_ptr<Loader>> loader = Loader::Make(*std::move(source), options);
    if (loader.ok()) return loader;
    status = loader.status();
  }
  return absl::Status(status.code(),
                      absl::StrCat(file.source.Lookup("train_data").ToString(), ": train_data: ", status.message()));
}

}  // namespace gradus
