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

// What a stream does to `column` of every example in evaluation, done to one image of a user's, the bytes of a JPEG or
// PNG file: f32[C, H, W]. `channels`: 1 or 3; `name` starts every error.
absl::StatusOr<Tensor> PrepareImage(const DataStream& stream, absl::string_view column, int channels,
                                    absl::string_view name, absl::string_view file);

// The same with one value of any column: turns u8 images into f32 in 0...1 as the data sets do, then applies the
// stream's deterministic transforms of that column.
absl::StatusOr<Tensor> Preprocess(const DataStream& stream, absl::string_view column, const Tensor& value);

}  // namespace gradus

#endif  // GRADUS_DATA_STREAM_H_
