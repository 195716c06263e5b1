// From the text of a data stream to what a loader reads.
#ifndef GRADUS_DATA_STREAM_H_
#define GRADUS_DATA_STREAM_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/dataset_registry.h"
#include "data/example_source.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {

// Opens the stream's data set, limits it (`skip`, `take`) and puts its transforms on top, for training or evaluation.
// Order, batches and threads are the loader's (data/loader.h).
absl::StatusOr<ExampleSource> OpenStream(const DataStream& stream, const DatasetContext& context, TransformMode mode);

// What a stream does to `column` of every example in evaluation, done to one value of a user's: turns u8 images into
// f32 in 0...1 as the data sets do, then applies the stream's deterministic transforms of that column.
absl::StatusOr<Tensor> Preprocess(const DataStream& stream, absl::string_view column, const Tensor& value);

}  // namespace gradus

#endif  // GRADUS_DATA_STREAM_H_
