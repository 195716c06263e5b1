#include "examples/evaluation_data.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "data/stream.h"
#include "examples/command_line.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Loader>> OpenEvaluationData(const TrainedModel& trained, absl::string_view data_dir,
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

absl::StatusOr<int> FindColumn(const TrainedModel& trained, const Loader& loader, absl::string_view name, DType dtype,
                               absl::Span<const int64_t> dims, absl::string_view remedy) {
  std::string there = absl::StrCat("have no column '", name, "'");
  for (size_t i = 0; i < loader.columns().size(); ++i) {
    const Column& column = loader.columns()[i];
    if (column.name != name) continue;
    const Dims& own = column.type.shape.dims();
    const bool fits = column.type.dtype == dtype &&
                      std::equal(own.begin(), own.end(), dims.begin(), dims.end(),
                                 [](int64_t size, int64_t wanted) { return wanted == -1 || wanted == size; });
    if (fits) return static_cast<int>(i);
    there = absl::StrCat("have a column '", name, "' of ", column.type.ToString(), " for each example");
  }
  return absl::FailedPreconditionError(
      absl::StrCat(trained.data_field, " of '", trained.checkpoint.folder(), "': the data ", there, " and not ",
                   dtype == DType::kInt32 ? "i32" : "f32", "[", absl::StrJoin(dims, ", "), "]; ", remedy));
}

void TellSkipped(const Batch& batch) {
  for (const SkippedExample& skipped : batch.skipped) std::fprintf(stderr, "left out: %s\n", skipped.message.c_str());
}

absl::Status ForEachBatch(const TrainedModel& trained, Loader* loader,
                          absl::FunctionRef<absl::Status(const Batch& batch)> use) {
  for (int64_t i = 0; i < loader->BatchesInEpoch(0); ++i) {
    const absl::StatusOr<const Batch*> next = loader->Next();
    if (!next.ok()) {
      return absl::Status(next.status().code(), absl::StrCat(trained.data_field, ": ", next.status().message()));
    }
    const Batch* batch = *next;
    TellSkipped(*batch);
    const absl::Status status = use(*batch);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat(status.message(), "; in the batch that starts with example ",
                                                      batch->examples[0].index, " of the data set"));
    }
  }
  return absl::OkStatus();
}

}  // namespace gradus
