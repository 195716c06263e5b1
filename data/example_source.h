// What a loader reads: the examples of a data set after the transforms of its stream (data/transform.h). An example is a
// pure function of (seed, epoch, index), whoever reads it and in whatever order.
//
// Shares its data set, owns its transforms. Immutable and movable; Read is thread-safe, one Scratch for each thread.
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
#include "data/dataset.h"
#include "data/transform.h"

namespace gradus {

// Which example, and the randomness of its transforms.
struct ExampleKey {
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t index = 0;
};

class ExampleSource {
 public:
  // `transforms` run in their order; each names its column and takes the type that the one before it left there. Errors:
  // columns without or with equal names, a transform of an unknown column or of a type that it cannot take.
  static absl::StatusOr<ExampleSource> Make(std::shared_ptr<const Dataset> dataset,
                                            std::vector<NamedTransform> transforms = {});

  const Dataset& dataset() const { return *dataset_; }
  int64_t size() const { return dataset_->size(); }

  // The data set's columns with the types that the transforms leave.
  const std::vector<Column>& columns() const { return columns_; }

  // The memory that reading one example needs; allocated once, so that Read allocates nothing.
  class Scratch {
   private:
    friend class ExampleSource;
    AlignedBytes bytes;
    std::vector<uint8_t*> columns;
  };
  Scratch MakeScratch() const;

  // Writes the example of `key` to `columns` as Dataset::Read does.
  absl::Status Read(const ExampleKey& key, absl::Span<uint8_t* const> columns, Scratch* scratch) const;

 private:
  // One transform with its place among the stream's, which names its randomness.
  struct Step {
    std::unique_ptr<ExampleTransform> transform;
    std::string random_name;
  };

  ExampleSource() = default;

  std::shared_ptr<const Dataset> dataset_;
  std::vector<Column> columns_;
  std::vector<std::vector<Step>> steps_;   // of each column
  std::vector<int64_t> scratch_bytes_;     // of each column: its largest intermediate value, or 0
};

}  // namespace gradus

#endif  // GRADUS_DATA_EXAMPLE_SOURCE_H_
