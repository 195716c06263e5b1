// What a loader reads: the examples of a data set after the transforms of its stream. An example is a pure function of
// (seed, epoch, index), whoever reads it and in whatever order.
//
// Shares its data set, owns its transforms. Movable and immutable; Read is thread-safe, with a Scratch for each thread.
#ifndef GRADUS_DATA_EXAMPLE_SOURCE_H_
#define GRADUS_DATA_EXAMPLE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/transform.h"
#include "data/transform_chain.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/data.pb.h"

namespace gradus {

class ExampleSource {
 public:
  // Errors: no columns, columns without a name or with equal names, a transform of an unknown column or of a type that
  // it cannot take.
  static absl::StatusOr<ExampleSource> Make(std::shared_ptr<const Dataset> dataset);
  static absl::StatusOr<ExampleSource> Make(std::shared_ptr<const Dataset> dataset,
                                            const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                            TransformMode mode);

  const Dataset& dataset() const { return *dataset_; }
  int64_t size() const { return dataset_->size(); }

  // The data set's columns, with the types that the transforms leave.
  const std::vector<Column>& columns() const { return columns_; }

  // The memory that reading one example takes, so that Read allocates nothing.
  class Scratch {
   private:
    friend class ExampleSource;
    AlignedBytes bytes_;
    std::vector<uint8_t*> read_;   // where the data set writes each column
    std::vector<uint8_t*> other_;  // the second buffer of each column with transforms
  };
  absl::StatusOr<Scratch> MakeScratch() const;

  // Writes an example as Dataset::Read does.
  absl::Status Read(uint64_t seed, ExamplePlace place, absl::Span<uint8_t* const> columns, Scratch* scratch) const;

 private:
  ExampleSource() = default;

  std::shared_ptr<const Dataset> dataset_;
  std::vector<Column> columns_;
  std::vector<TransformChain> chains_;  // one for each column
};

}  // namespace gradus

#endif  // GRADUS_DATA_EXAMPLE_SOURCE_H_
