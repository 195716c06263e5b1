// The transforms of one column of a stream, in the order of the text, each made for what the one before leaves. Movable
// and immutable; Apply is thread-safe, with a Scratch for each thread.
#ifndef GRADUS_DATA_TRANSFORM_CHAIN_H_
#define GRADUS_DATA_TRANSFORM_CHAIN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/image_view.h"
#include "data/resample.h"
#include "data/transform.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/data.pb.h"

namespace gradus {

class TransformChain {
 public:
  // Those of `transforms` that name `column`. Errors start with the transform: "transform 2 of column 'image': Resize:
  // ..."; besides, that image files of any size stay so.
  static absl::StatusOr<TransformChain> Make(const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                             const Column& column, TransformMode mode);

  bool empty() const { return stages_.empty(); }
  const TensorType& output() const { return output_; }

  // Bytes of each of the two buffers that Apply works in: the largest value but the last.
  int64_t buffer_bytes() const { return buffer_bytes_; }

  // What images are decoded and resampled in; grows with them and is kept.
  struct Scratch {
    PixelBuffer pixels;
    Resampler resampler;
  };

  // Turns the value in `buffer` into one of type output() in `out`. Overwrites both buffers. Not for empty chains, nor
  // for image files.
  absl::Status Apply(uint64_t seed, ExamplePlace place, uint8_t* buffer, uint8_t* other_buffer, uint8_t* out,
                     Scratch* scratch) const;

  // The same from the bytes of an image file; `name` starts every error.
  absl::Status ApplyToFile(uint64_t seed, ExamplePlace place, absl::string_view name, absl::string_view file,
                           uint8_t* buffer, uint8_t* other_buffer, uint8_t* out, Scratch* scratch) const;

 private:
  struct Step {
    MadeTransform transform;
    std::string random_name;  // "transform/2": its place in the stream's list names its randomness
  };
  // One example transform, or geometric ones that are one resampling.
  struct Stage {
    std::vector<Step> steps;
    TensorType input, output;
  };

  absl::Status Add(MadeTransform made, std::string random_name, ImageInput* at);
  absl::StatusOr<ImageView> ViewOf(const Stage& stage, ImageSize size, uint64_t seed, ExamplePlace place) const;
  absl::Status ApplyStage(const Stage& stage, uint64_t seed, ExamplePlace place, const uint8_t* in, uint8_t* out,
                          Scratch* scratch) const;
  absl::Status ApplyFrom(size_t first, uint64_t seed, ExamplePlace place, uint8_t* buffer, uint8_t* other_buffer,
                         uint8_t* out, Scratch* scratch) const;

  int channels_ = 0;  // of image files
  bool normalized_ = false;
  TensorType output_;
  int64_t buffer_bytes_ = 0;
  std::vector<Stage> stages_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_TRANSFORM_CHAIN_H_
