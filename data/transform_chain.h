// The transforms of one column of a stream, in the order of the text, each made for the type that the one before
// leaves. Movable and immutable; Apply is thread-safe.
#ifndef GRADUS_DATA_TRANSFORM_CHAIN_H_
#define GRADUS_DATA_TRANSFORM_CHAIN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/shape.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/transform.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/data.pb.h"

namespace gradus {

class TransformChain {
 public:
  // Those of `transforms` that name `column`. Errors start with the transform: "transform 2 (normalize) of 'image':
  // ...".
  static absl::StatusOr<TransformChain> Make(const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                             const Column& column, TransformMode mode);

  bool empty() const { return steps_.empty(); }
  const TensorType& output() const { return output_; }

  // Bytes of each of the two buffers that Apply works in: the largest value but the last.
  int64_t buffer_bytes() const { return buffer_bytes_; }

  // Turns the value in `buffer` into one of type output() in `out`. Overwrites both buffers. Not for empty chains.
  void Apply(uint64_t seed, ExamplePlace place, uint8_t* buffer, uint8_t* other_buffer, uint8_t* out) const;

 private:
  struct Step {
    std::unique_ptr<ExampleTransform> transform;
    std::string random_name;  // "transform/2": its place in the stream's list names its randomness
  };

  TensorType output_;
  int64_t buffer_bytes_ = 0;
  std::vector<Step> steps_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_TRANSFORM_CHAIN_H_
