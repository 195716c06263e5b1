// What a loader reads: the examples of a data set after the transforms of its stream. An example is a pure function of
// (seed, epoch, index), whoever reads it and in whatever order; so is what takes the place of one that is damaged.
//
// Shares its data set, owns its transforms. Movable and immutable; Read is thread-safe, with a Scratch for each thread.
#ifndef GRADUS_DATA_EXAMPLE_SOURCE_H_
#define GRADUS_DATA_EXAMPLE_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
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

  // The memory that reading one example takes, so that Read allocates nothing (image files: once they have been as
  // large as they get).
  class Scratch {
   private:
    friend class ExampleSource;
    AlignedBytes bytes_;
    std::vector<uint8_t*> first_;  // the buffers of each column with transforms
    std::vector<uint8_t*> other_;
    std::vector<uint8_t*> read_;  // where the data set writes each column
    TransformChain::Scratch chain_;
    std::string file_, file_name_;
  };
  absl::StatusOr<Scratch> MakeScratch() const;

  // Writes an example as Dataset::Read does.
  absl::Status Read(uint64_t seed, ExamplePlace place, absl::Span<uint8_t* const> columns, Scratch* scratch) const {
    return ReadAs(seed, place, place.index, columns, scratch);
  }

  // Writes the example that takes the place of one that cannot be read: the next one in the data set that can, with the
  // random numbers of `place`. An error when there is none within a hundredth of the data set.
  absl::Status ReadSubstitute(uint64_t seed, ExamplePlace place, absl::Span<uint8_t* const> columns,
                              Scratch* scratch) const;

  // Whether an error of Read concerns one example only, which a loader may leave out.
  bool IsDamage(const absl::Status& status) const { return has_files_ && !absl::IsResourceExhausted(status); }

 private:
  ExampleSource() = default;
  absl::Status ReadAs(uint64_t seed, ExamplePlace place, int64_t index, absl::Span<uint8_t* const> columns,
                      Scratch* scratch) const;

  std::shared_ptr<const Dataset> dataset_;
  bool has_files_ = false;  // image files, among its columns or read by the data set
  std::vector<Column> columns_;
  std::vector<TransformChain> chains_;  // one for each column
};

}  // namespace gradus

#endif  // GRADUS_DATA_EXAMPLE_SOURCE_H_
